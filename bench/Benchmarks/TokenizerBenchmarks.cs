using BenchmarkDotNet.Attributes;
using LlmService.Tokenizers;

namespace LlmService.Benchmarks;

/// <summary>Loading, encoding and decoding with the tokenizer of a model folder.</summary>
/// <remarks>The folder is the environment variable <c>LLM_SERVICE_BENCH_MODEL</c>, else the one of the tests. The text is English-like: words of a
/// fixed list, drawn with a fixed seed, which is kinder to caches than prose.</remarks>
[InProcess, MemoryDiagnoser]
public class TokenizerBenchmarks
{
    private const string Words = """
        the of and to in a is that it was for on are as with his they at be this from have or by one had not but what all were when we there can an your
        which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make
        than first been its who now people my made over did down only way find use may water long little very after words called just where most know
        Napoleon countess Rostóv battalion unquestionably circumstances 1812 artillery, Moscow. "Well," prince
        """;

    private byte[] _file = [];
    private string _text = "";
    private string _longWord = "";
    private int[] _ids = [];
    private Tokenizer _tokenizer = null!;

    [GlobalSetup]
    public void Setup()
    {
        string folder = Environment.GetEnvironmentVariable("LLM_SERVICE_BENCH_MODEL") is { Length: > 0 } given ? given : OwnFolder();
        _file = File.ReadAllBytes(Path.Combine(folder, "tokenizer.json"));
        _tokenizer = Tokenizer.Parse(_file, "tokenizer.json");
        string[] words = Words.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        Random random = new(1);
        System.Text.StringBuilder text = new();
        while (text.Length < 1_000_000) text.Append(words[random.Next(words.Length)]).Append(random.Next(60) == 0 ? '\n' : ' ');
        _text = text.ToString();
        _longWord = new string([.. Enumerable.Range(0, 50_000).Select(_ => (char)('a' + random.Next(26)))]);
        _ids = [.. _tokenizer.Encode(_text, SpecialTokens.Skip).Ids];
    }

    /// <summary>Reads the file from memory.</summary>
    [Benchmark]
    public int Load() => Tokenizer.Parse(_file, "tokenizer.json").VocabularySize;

    /// <summary>A million characters in one call.</summary>
    [Benchmark]
    public int Encode() => _tokenizer.Encode(_text, SpecialTokens.Skip).Ids.Count;

    /// <summary>Fifty thousand letters without a space.</summary>
    [Benchmark]
    public int EncodeLongWord() => _tokenizer.Encode(_longWord, SpecialTokens.Skip).Ids.Count;

    /// <summary>The tokens of the million characters.</summary>
    [Benchmark]
    public int Decode() => _tokenizer.Decode(_ids, SpecialTokens.Skip).Length;

    private static string OwnFolder()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !Directory.Exists(Path.Combine(folder.FullName, "tests", "Fixtures"))) folder = folder.Parent;
        return Path.Combine(folder?.FullName ?? ".", "tests", "Fixtures", "tokenizers", "onnx-flan-t5");
    }
}
