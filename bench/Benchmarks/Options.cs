using System.Globalization;

namespace LlmService.Benchmarks;

/// <summary>The options of a verb: <c>--name value</c>, and what stands between them.</summary>
internal sealed class Options(string[] args)
{
    /// <summary>The arguments that are no options.</summary>
    public string[] Places { get; } = [.. args.Where((argument, i) => !IsName(argument) && (i == 0 || !IsName(args[i - 1])))];

    public string? Text(string name) => Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : null;

    public int Number(string name, int otherwise) => Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private static bool IsName(string argument) => argument.StartsWith("--", StringComparison.Ordinal);
}
