using LlmService.Hub;
using LlmService.Inference.Weights;

namespace LlmService.App;

/// <summary>What a user may write for MODEL: <c>demo</c>, a Hub id with an optional <c>@revision</c>, a folder in Hub layout, or a <c>.gguf</c> file.</summary>
/// <param name="Text">As it was written.</param>
/// <param name="Id">The model's id in the API: the id given, or a folder's last name.</param>
/// <param name="Folder">The folder; null for a Hub id.</param>
/// <param name="Repository">The repository; null for a folder.</param>
/// <param name="Revision">The revision asked for; <c>main</c> by default.</param>
internal sealed record ModelReference(string Text, string Id, string? Folder, RepoId? Repository, string Revision)
{
    public const string DemoName = "demo";

    private const string GgufEnding = ".gguf";

    /// <summary>What to know about the built-in model's answers.</summary>
    public const string DemoNote = "Small demonstration model: it copies and shortens more than it understands. For real use: --model google/flan-t5-base.";

    /// <summary>The one file that the model is, in <see cref="Folder"/>; null for a whole folder.</summary>
    public string? WeightsFile { get; private init; }

    public bool IsDemo => Text == DemoName;

    /// <summary>Reads a MODEL argument.</summary>
    /// <param name="text">As it was written.</param>
    /// <param name="workingDirectory">Where relative folders begin.</param>
    /// <param name="homeDirectory">What <c>~</c> stands for.</param>
    /// <exception cref="AppException">invalid_request.</exception>
    public static ModelReference Parse(string text, string workingDirectory, string homeDirectory)
    {
        if (text == DemoName)
            return new(text, DemoName, Path.Combine(AppContext.BaseDirectory, "demo"), null, "");
        if (LooksLikeFolder(text, workingDirectory))
        {
            string expanded = text == "~" || text.StartsWith("~/", StringComparison.Ordinal) ? homeDirectory + text[1..] : text;
            string folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(expanded, workingDirectory));
            if (folder.EndsWith(GgufEnding, StringComparison.OrdinalIgnoreCase) && !Directory.Exists(folder))
                return new(text, Path.GetFileNameWithoutExtension(folder), Path.GetDirectoryName(folder)!, null, "") { WeightsFile = Path.GetFileName(folder) };
            return new(text, Path.GetFileName(folder) is { Length: > 0 } name ? name : folder, folder, null, "");
        }
        int at = text.IndexOf('@', StringComparison.Ordinal);
        string id = at < 0 ? text : text[..at];
        string revision = at < 0 ? "main" : text[(at + 1)..];
        if (!RepoId.TryParse(id, out RepoId repository) || revision.Length is 0 or > 200 || revision.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
        {
            throw new AppException(FailureCode.InvalidRequest, $"'{text}' is not a model: it is neither '{DemoName}', nor a Hub id 'owner/name' with an optional '@revision', nor a folder with a config.json, nor a .gguf file.")
            {
                Parameter = "model",
                Remedy = IdInAddress(text) is { } meant ? $"That is the address of a page; write {meant}."
                    : "Write a folder with ./ in front, or an id such as Qwen/Qwen2.5-0.5B-Instruct.",
            };
        }
        return new(text, text, null, repository, revision);
    }

    // What people paste from the browser: https://huggingface.co/owner/name/tree/main, hf.co/owner/name, hf://owner/name.
    private static string? IdInAddress(string text)
    {
        string[] parts = text.Split(["://"], 2, StringSplitOptions.None);
        string path = parts is ["hf", var after] ? after : parts[^1].Contains('/', StringComparison.Ordinal) ? parts[^1][(parts[^1].IndexOf('/', StringComparison.Ordinal) + 1)..] : "";
        bool isPage = parts.Length == 2 || text.StartsWith("hf.co/", StringComparison.OrdinalIgnoreCase) || text.StartsWith("huggingface.co/", StringComparison.OrdinalIgnoreCase);
        string id = string.Join('/', path.Split('?', '#')[0].Split('/', StringSplitOptions.RemoveEmptyEntries).Take(2));
        return isPage && id.Contains('/', StringComparison.Ordinal) && RepoId.TryParse(id, out _) ? id : null;
    }

    private static bool LooksLikeFolder(string text, string workingDirectory) =>
        text.Length > 0 && (text[0] is '.' or '/' or '~' or '\\'
            || (text.Length > 1 && char.IsAsciiLetter(text[0]) && text[1] == ':')
            || (text.EndsWith(GgufEnding, StringComparison.OrdinalIgnoreCase) && File.Exists(Path.Combine(workingDirectory, text)))
            || HoldsModel(Path.Combine(workingDirectory, text)));

    private static bool HoldsModel(string folder) => File.Exists(Path.Combine(folder, "config.json")) || (Directory.Exists(folder) && (TokenizerLoading.IsIn(folder) || WeightFiles.List([.. WeightFiles.FilesOf(folder)]).Count > 0));
}
