using LlmService.Inference.Configuration;

namespace LlmService.Inference.Embeddings;

/// <summary>Which files of a repository tell how vectors of texts are made.</summary>
public static class SentenceFiles
{
    private const int LongestPath = 64;

    /// <summary>Whether a file is one of the settings: <c>modules.json</c>, those of texts and prompts, or the <c>config.json</c> of a module, such as <c>1_Pooling/config.json</c>.</summary>
    /// <param name="path">The file, relative, with <c>/</c>.</param>
    public static bool IsSettings(string path) => path is SentenceConfiguration.ModulesFile or SentenceConfiguration.PromptsFile || SentenceConfiguration.TextFiles.Contains(path)
        || (path.Length < LongestPath && char.IsAsciiDigit(path[0]) && path.Split('/') is [_, ModelConfiguration.FileName]);

    /// <summary>The files that the weights of a module can be in, the preferred one first.</summary>
    /// <param name="folder">The module's folder, relative.</param>
    public static IReadOnlyList<string> WeightsOf(string folder) => [$"{folder}/model.safetensors", $"{folder}/pytorch_model.bin"];
}
