using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Gguf;
using LlmService.Tokenizers;

namespace LlmService.Inference.Tests.Weights.Gguf;

/// <summary>What a GGUF file may say, and what is refused; always by name.</summary>
public sealed class GgufModelTests : IDisposable
{
    private const int FuzzSeed = 20_261_125;
    private const int FuzzRuns = 600;

    private readonly CheckpointFolder _folder = new();

    public static TheoryData<string, byte[]> DamagedFiles => new()
    {
        { "ends in the magic", [] },
        { "does not begin with 'GGUF'", [.. "GGML"u8, .. new byte[64]] },
        { "ends in the version", [.. "GGUF"u8, 3] },
        { "ends in the number of tensors", [.. "GGUF"u8, 3, 0, 0, 0, 1] },
        { "has the count", [.. "GGUF"u8, 3, 0, 0, 0, .. Enumerable.Repeat((byte)0x7f, 16)] },
        { "which is too large", [.. "GGUF"u8, 3, 0, 0, 0, .. Enumerable.Repeat((byte)0xff, 16)] },
        { "ends in a key", [.. "GGUF"u8, 3, 0, 0, 0, .. new byte[8], 1, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0] },
        { "the key 'k' the type 13", Llama().Add("k", 13, _ => { }).Build() },
        { "the key 'k' twice", Llama().Add("k", 1u).Add("k", 1u).Build() },
        { "the key 'k'; at most", Llama().Add("k", 8, w => w.Write(1UL << 40)).Build() },
        { "the key 'k'; at most", Llama().Add("k", 9, w => { w.Write(8u); w.Write(1UL << 40); }).Build() },
        { "ends in the key 'k'", Llama().Add("k", 9, w => { w.Write(4u); w.Write(1_000_000UL); }).Build() },
        { "arrays in arrays in the key 'k'", Llama().Add("k", 9, w => { for (int i = 0; i < 20; i++) { w.Write(9u); w.Write(1UL); } }).Build() },
        { "the general.alignment 24", Llama().Add("general.alignment", 24u).Build() },
        { "the tensor 't' 5 dimensions", Llama().AddTensor("t", GgufWriter.F32, [1, 1, 1, 1, 1], new byte[4]).Build() },
        { "the tensor 't' twice", Llama().AddTensor("t", GgufWriter.F32, [1], new byte[4]).AddTensor("t", GgufWriter.F32, [1], new byte[4]).Build() },
    };

    public static TheoryData<string, byte[]> DamagedTensors => new()
    {
        { "which its blocks of 32 do not divide", Llama().AddTensor("t", GgufWriter.Q8_0, [33], new byte[128]).Build() },
        { "which its blocks of 256 do not divide", Llama().AddTensor("t", GgufWriter.Q6_K, [32], new byte[210]).Build() },
        { "is cut off or damaged", Llama().AddTensor("t", GgufWriter.F32, [1 << 20], new byte[4]).Build() },
        { "is impossibly large", Llama().AddTensor("t", GgufWriter.F32, [1UL << 40, 1UL << 40], new byte[4]).Build() },
        { "is impossibly large", Llama().AddTensor("t", GgufWriter.F32, [0, 1UL << 40, 1UL << 40], new byte[4]).Build() },
        { "is placed over another one", Shifted(Llama().AddTensor("t", GgufWriter.F32, [16], new byte[64]).AddTensor("u", GgufWriter.F32, [16], new byte[64]), 64, 32) },
        { "no multiple of the alignment 32", Shifted(Llama().AddTensor("t", GgufWriter.F32, [16], new byte[64]).AddTensor("u", GgufWriter.F32, [16], new byte[64]), 64, 68) },
        { "2 heads of an even size do not divide", Llama().AddTensor("blk.0.attn_q.weight", GgufWriter.F32, [4, 6], new byte[96]).Build() },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(DamagedFiles))]
    public void Open_DamagedHeader_NamesFileAndPlace(string expected, byte[] content)
    {
        InferenceException e = Assert.Throws<InferenceException>(() => GgufModel.Open(_folder.Write("model.gguf", content)));

        Assert.Equal(InferenceFailure.CorruptModel, e.Failure);
        Assert.Contains(_folder["model.gguf"], e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(DamagedTensors))]
    public void Read_DamagedTensor_IsNamed(string expected, byte[] content)
    {
        _folder.Write("model.gguf", content);

        InferenceException e = Assert.Throws<InferenceException>(() => Checkpoint.Open(_folder.Folder, _folder.Choice));

        Assert.Equal(InferenceFailure.CorruptModel, e.Failure);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.NotNull(e.Tensor);
    }

    [Theory]
    [InlineData(0x0300_0000u, "big-endian")]
    [InlineData(1u, "the GGUF version 1")]
    [InlineData(4u, "the GGUF version 4")]
    public void Open_OtherVersion_IsRefusedByName(uint version, string expected) => AssertRefused(new GgufWriter { Version = version }, InferenceFailure.NoUsableWeights, expected);

    [Fact]
    public void Open_OnePartOfAModel_IsRefusedByName() =>
        AssertRefused(Llama().Add("split.count", 3u).Add("split.no", 0u), InferenceFailure.NoUsableWeights, "one of 3 parts");

    [Fact]
    public void Open_Adapter_IsRefusedByName() => AssertRefused(Llama().Add("general.type", "adapter"), InferenceFailure.NoUsableWeights, "'adapter'");

    [Fact]
    public void Tensors_TypeThatIsNotRead_IsRefusedWithTheRemedy()
    {
        InferenceException e = AssertRefused(Llama().AddTensor("blk.0.ffn_up.weight", GgufWriter.Q4_K, [256], new byte[144]), InferenceFailure.NoUsableWeights, "stored as Q4_K");

        Assert.Equal("blk.0.ffn_up.weight", e.Tensor);
        Assert.Contains("Q8_0", e.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Configuration_UnknownArchitecture_NamesTheSupportedOnes()
    {
        InferenceException e = AssertRefused(new GgufWriter().Add("general.architecture", "falcon"), InferenceFailure.UnsupportedModelType, "Unsupported model type: falcon");

        Assert.Contains("a token changes nothing", e.Message, StringComparison.Ordinal);
        Assert.Equal("general.architecture", e.Field);
    }

    [Theory]
    [InlineData("llama.expert_count", 8u)]
    [InlineData("llama.rope.dimension_count", 4u)]
    [InlineData("llama.attention.value_length", 8u)]
    [InlineData("llama.attention.sliding_window_pattern", 6u)]
    public void Configuration_SettingThatIsNotHonoured_IsRefusedByName(string key, uint value) =>
        AssertRefused(Whole().Add(key, value), InferenceFailure.UnsupportedModelType, key);

    [Fact]
    public void Configuration_OtherScaling_IsRefusedByName() =>
        AssertRefused(Whole().Add("llama.rope.scaling.type", "yarn"), InferenceFailure.UnsupportedModelType, "llama.rope.scaling.type 'yarn'");

    // What a Gemma does where its file says nothing stands in llama.cpp: Gemma 2 slides by 4096, Gemma 3 not at all; the one on every second layer, the other on five of six.
    [Theory]
    [InlineData("gemma2", null, new[] { 4096, 0, 4096, 0, 4096, 0, 4096 })]
    [InlineData("gemma2", 8u, new[] { 8, 0, 8, 0, 8, 0, 8 })]
    [InlineData("gemma3", null, new[] { 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData("gemma3", 8u, new[] { 8, 8, 8, 8, 8, 0, 8 })]
    public void Configuration_WindowsOfGemma_FollowItsGeneration(string architecture, uint? window, int[] expected)
    {
        GgufWriter writer = Table(Llama("llama.block_count", architecture)).Add($"{architecture}.block_count", (uint)expected.Length);
        if (window is { } size)
            writer.Add($"{architecture}.attention.sliding_window", size);

        DecoderConfiguration model = GgufModel.Open(_folder.Write("model.gguf", writer.Build())).Configuration().Decoder!;

        Assert.Equal(expected, model.Windows);
    }

    [Fact]
    public void Configuration_SizesThatDifferByLayer_AreRefusedByName() =>
        AssertRefused(Table(Llama("llama.feed_forward_length")).Add("llama.feed_forward_length", [8, 16]), InferenceFailure.UnsupportedModelType, "llama.feed_forward_length");

    [Theory]
    [InlineData("llama.embedding_length")]
    [InlineData("llama.block_count")]
    [InlineData("llama.attention.layer_norm_rms_epsilon")]
    public void Configuration_MissingKey_IsNamed(string key) => AssertRefused(Table(Llama(key)), InferenceFailure.CorruptModel, $"the key '{key}' is missing");

    [Fact]
    public void Configuration_WithoutTable_NamesTheTensor() => AssertRefused(Llama(), InferenceFailure.CorruptModel, "token_embd.weight");

    [Fact]
    public void Parse_FirstBytesOnly_AsksForMoreUntilTheHeaderIsWhole()
    {
        byte[] file = Whole().Add("tokenizer.ggml.tokens", [.. Enumerable.Range(0, 100).Select(i => $"token {i}")]).Build();
        long header = GgufModel.Open(_folder.Write("model.gguf", file)).HeaderBytes;

        for (int count = 0; count < file.Length; count++)
        {
            GgufModel? model = GgufModel.Parse(file.AsMemory(0, count), file.Length, "elsewhere.gguf");
            // Padding before the data is no part that has to be read.
            if (count >= header)
                Assert.NotNull(model);
            else if (count < header - 32)
                Assert.Null(model);
            Assert.Equal(model is null ? 0 : header, model?.HeaderBytes ?? 0);
        }
        GgufTensor table = Assert.Single(GgufModel.Parse(file, file.Length, "elsewhere.gguf")!.Tensors());
        Assert.Equal(("token_embd.weight", 12L, "f32", 48L), (table.Name, table.ElementCount, table.Type, table.ByteCount));
    }

    [Fact]
    public void Decode_SixBitSuperBlock_GivesEveryNumberAtItsPlace()
    {
        float[] expected = [.. Enumerable.Range(0, 256).Select(i => 0.5f * ((i / 16) - 8) * ((i * 7 % 64) - 32))];
        _folder.Write("model.gguf", Llama().AddTensor("t", GgufWriter.Q6_K, [256], SixBitBlock((Half)0.5f, i => i / 16 - 8, i => i * 7 % 64)).Build());

        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);

        Assert.Equal(expected, checkpoint.Get("t", 256).ToArray());
    }

    [Fact]
    public void Load_MutatedFile_LoadsOrIsRefused()
    {
        GgufWriter writer = new GgufWriter().Add("tokenizer.ggml.model", "llama").Add("tokenizer.ggml.tokens", [.. Enumerable.Range(0, 300).Select(i => $"t{i}")])
            .Add("tokenizer.ggml.scores", new float[300]).Add("tokenizer.chat_template", "{{ messages }}");
        string golden = TestData.Fixture("golden", "llama-gqa");
        GgufGolden.Write(golden, File.ReadAllText(Path.Combine(golden, "config.json")), GgufWriter.Q8_0, writer);
        byte[] good = writer.Build();
        int header = (int)GgufModel.Open(_folder.Write("model.gguf", good)).HeaderBytes, loaded = 0;
        using WorkerPool workers = new(1);
        EngineOptions options = new() { Workers = workers, KvCacheBytes = 1 << 20 };
        Random random = new(FuzzSeed);
        for (int run = 0; run < FuzzRuns; run++)
        {
            byte[] mutated = [.. good];
            for (int i = random.Next(1, 4); i > 0; i--)
                mutated[random.Next(header)] = (byte)random.Next(256);
            if (random.Next(8) == 0)
                Array.Resize(ref mutated, random.Next(mutated.Length));
            _folder.Write("model.gguf", mutated);
            try
            {
                ModelSource source = ModelSource.Of(_folder.Folder, _folder.Choice);
                ModelConfiguration configuration = source.Configuration();
                source.Tokenizer();
                source.Generation();
                using ModelRunner runner = ModelLoader.Load(_folder.Folder, configuration, options);
                loaded++;
            }
            catch (Exception e) when (e is InferenceException or TokenizerException)
            {
                Assert.NotEmpty(e.Message);
            }
        }
        Assert.InRange(loaded, 1, FuzzRuns - 1);
    }

    private InferenceException AssertRefused(GgufWriter writer, InferenceFailure failure, string expected)
    {
        string path = _folder.Write("model.gguf", writer.Build());
        InferenceException e = Assert.Throws<InferenceException>(() =>
        {
            GgufModel model = GgufModel.Open(path);
            model.Tensors();
            model.Configuration();
        });
        Assert.Equal(failure, e.Failure);
        Assert.Equal(path, e.File);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        return e;
    }

    /// <summary>The keys of a small model, but one.</summary>
    private static GgufWriter Llama(string without = "", string architecture = "llama")
    {
        GgufWriter writer = new GgufWriter().Add("general.architecture", architecture);
        (string Key, uint Value)[] keys =
        [
            ("llama.context_length", 32), ("llama.embedding_length", 4), ("llama.feed_forward_length", 8), ("llama.block_count", 1), ("llama.attention.head_count", 2),
        ];
        foreach ((string key, uint value) in keys.Where(k => k.Key != without))
            writer.Add(key.Replace("llama", architecture, StringComparison.Ordinal), value);
        return without.EndsWith("epsilon", StringComparison.Ordinal) ? writer : writer.Add($"{architecture}.attention.layer_norm_rms_epsilon", 1e-5f);
    }

    private static GgufWriter Table(GgufWriter writer) => writer.AddTensor("token_embd.weight", GgufWriter.F32, [4, 3], new byte[48]);

    private static GgufWriter Whole() => Table(Llama());

    /// <summary>The file with one offset in place of another.</summary>
    private static byte[] Shifted(GgufWriter writer, ulong offset, ulong instead)
    {
        byte[] file = writer.Build();
        int place = file.AsSpan().LastIndexOf(BitConverter.GetBytes(offset));
        BitConverter.GetBytes(instead).CopyTo(file, place);
        return file;
    }

    /// <summary>The layout of Q6_K, written down from its description: number i of a half of 128 has its nibble in byte i % 64 and its two bits in byte i % 32.</summary>
    private static byte[] SixBitBlock(Half scale, Func<int, int> groupScale, Func<int, int> code)
    {
        byte[] block = new byte[210];
        for (int i = 0; i < 256; i++)
        {
            int half = i / 128, inner = i % 128;
            block[half * 64 + inner % 64] |= (byte)((code(i) & 15) << (inner / 64 * 4));
            block[128 + half * 32 + inner % 32] |= (byte)((code(i) >> 4) << (inner / 32 * 2));
            block[192 + i / 16] = (byte)(sbyte)groupScale(i);
        }
        BitConverter.TryWriteBytes(block.AsSpan(208), scale);
        return block;
    }
}
