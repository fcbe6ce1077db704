using System.Buffers.Binary;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Gguf;
using LlmService.Tokenizers;

namespace LlmService.Inference.Tests.Weights.Gguf;

/// <summary>A trained model that others converted, against its original and what other programs make of it.</summary>
public sealed class TinyStoriesTests
{
    private const int BosId = 1;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static string Converted => TestData.Shared("models", "ggml-org--tiny-llamas", "stories260K.gguf");

    [Fact]
    public async Task GenerateAsync_FileAlone_GivesTheTextOfTheReferenceProgram()
    {
        string path = Converted;
        string expected = await File.ReadAllTextAsync(TestData.Shared("models", "reference", "stories260K.greedy-200.txt"), Cancellation);
        using WorkerPool workers = new(2);
        // The file states a context of 128; the model was trained on 512.
        await using LlmEngine engine = LlmEngine.Load(Path.GetDirectoryName(path)!, new EngineOptions { Workers = workers, MaxModelLength = 512 });

        Answer answer = await Answer.GatherAsync(engine, new GenerationRequest { PromptTokenIds = [BosId], MaxTokens = 200, IgnoreEndTokens = true }, Cancellation);

        // What llama.cpp is on record for behind "Once upon a time".
        Assert.Equal([403, 407, 261, 378], answer.Ids.Take(4));
        Assert.Equal([432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337], answer.Ids.Skip(4).Take(16));
        Assert.StartsWith(expected.TrimEnd('\n'), answer.Text, StringComparison.Ordinal);
        Assert.Equal([2], engine.Generation.EndTokenIds);
        Assert.Null(engine.ChatTemplate);
    }

    // The expected ids are llama.cpp's for this file.
    [Theory]
    [InlineData("Once upon a time", 1, 403, 407, 261, 378)]
    [InlineData("Once upon a time, héllo 😀  two", 1, 403, 407, 261, 378, 432, 270, 485, 306, 414, 410, 243, 162, 155, 131, 410, 259, 424, 414)]
    public void Encode_FileAlone_GivesTheIdsOfTheReferenceProgram(string text, params int[] expected)
    {
        Tokenizer tokenizer = GgufModel.Open(Converted).Tokenizer();

        Encoding encoding = tokenizer.Encode(text);

        Assert.Equal(expected, encoding.Ids.ToArray());
        Assert.Equal(text, tokenizer.Decode([.. encoding.Ids]));
    }

    [Fact]
    public void Read_QueriesAndKeys_AreInTheOrderOfPublishedCheckpoints()
    {
        string path = Converted;
        Original original = new(TestData.Shared("models", "karpathy--tinyllamas", "stories260K", "stories260K.bin"));
        using Checkpoint checkpoint = Checkpoint.Open(Path.GetDirectoryName(path)!, WeightFiles.Gguf(Path.GetFileName(path)));

        Assert.Equal(original.Embeddings, checkpoint.Get("model.embed_tokens.weight", 512, 64).ToArray());
        for (int layer = 0; layer < 5; layer++)
        {
            Assert.Equal(Halves(original.Queries(layer), 64), checkpoint.Get($"model.layers.{layer}.self_attn.q_proj.weight", 64, 64).ToArray());
            Assert.Equal(Halves(original.Keys(layer), 64), checkpoint.Get($"model.layers.{layer}.self_attn.k_proj.weight", 32, 64).ToArray());
            Assert.Equal(original.Values(layer), checkpoint.Get($"model.layers.{layer}.self_attn.v_proj.weight", 32, 64).ToArray());
        }
    }

    /// <summary>The original turns neighbours (0, 1), (2, 3), …; published checkpoints turn place i with place i + 4 of a head of 8.</summary>
    private static float[] Halves(float[] rows, int columns)
    {
        int[] places = [0, 2, 4, 6, 1, 3, 5, 7];
        return [.. rows.Chunk(columns).Chunk(8).SelectMany(head => places.SelectMany(place => head[place]))];
    }

    /// <summary>The file of llama2.c: seven numbers, then the tensors of all layers one kind after the other.</summary>
    private sealed class Original(string path)
    {
        private const int Width = 64, KeyWidth = 32, Layers = 5, Vocabulary = 512;
        private readonly byte[] _bytes = File.ReadAllBytes(path);

        public float[] Embeddings => Floats(0, Vocabulary * Width);

        private static int FirstQuery => Vocabulary * Width + Layers * Width;

        public float[] Queries(int layer) => Floats(FirstQuery + layer * Width * Width, Width * Width);

        public float[] Keys(int layer) => Floats(FirstQuery + Layers * Width * Width + layer * Width * KeyWidth, Width * KeyWidth);

        public float[] Values(int layer) => Floats(FirstQuery + Layers * Width * (Width + KeyWidth) + layer * Width * KeyWidth, Width * KeyWidth);

        private float[] Floats(int first, int count) =>
            [.. Enumerable.Range(first, count).Select(i => BinaryPrimitives.ReadSingleLittleEndian(_bytes.AsSpan(28 + i * 4)))];
    }
}
