using System.Globalization;
using System.Text;
using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Inference;
using LlmService.Inference.Configuration;

namespace LlmService.App.Tests;

/// <summary>The page of the documentation that begins with the errors as users know them, made from the tables of failures.</summary>
internal static class TroubleshootingPage
{
    /// <summary>The whole page, in Markdown.</summary>
    public static string Write()
    {
        StringBuilder page = new();
        page.Append("""
            # Troubleshooting

            `llm-service check MODEL` finds the reason before any weight moves, and says which step of a load would fail: endpoint, token, repository,
            gate, revision, architecture, weights, tokenizer, disk, memory. A load fails with the same words. The sentences below are made from the
            tables in the code, with `owner/name` for the model; a test keeps them true. All codes: [failures.md](failures.md).

            ## Unauthorized

            The Hub refused the token, not the model. A public model needs no token; a dead one does not close it, and `check` then shows a failed
            token step. Unsetting the token, or replacing it where the message says it is set, ends this error.


            """);
        Append(page, FailureCode.Unauthorized);
        page.Append("""
            ### Gated

            A gated model exists and is listed, but each account has to ask for access on the model's page. A valid token is needed, and is not enough.


            """);
        Append(page, FailureCode.Gated);
        page.Append("""
            ### Forbidden

            The token is valid, or none is needed, and the answer is still no.


            """);
        Append(page, FailureCode.Forbidden);
        page.Append(CultureInfo.InvariantCulture, $"""
            ## Unsupported model type

            This is not an authentication problem: no token changes it. The architecture, or a part of it, is not one that this service runs; it runs
            {string.Join(", ", ModelConfiguration.SupportedModelTypes.Select(type => $"`{type}`"))} with weights in safetensors, PyTorch, ONNX or GGUF files and a tokenizer.


            """);
        Append(page, UnsupportedExample());
        Append(page, FilesExample());
        page.Append("""
            ## Model not found

            The name is wrong, or the model is private. The Hub tells anonymous callers and strangers nothing about private models, not even that they exist.


            """);
        Append(page, FailureCode.ModelNotFound);
        page.Append("""
            ## The Hub cannot be reached

            Neither the name of the model nor the token is the reason.


            """);
        Append(page, FailureCode.HubUnreachable);
        Append(page, FailureCode.RateLimited);
        return page.ToString().TrimEnd() + "\n";
    }

    private static void Append(StringBuilder page, FailureCode code)
    {
        foreach (HubDiagnosis diagnosis in Enum.GetValues<HubDiagnosis>().Where(d => HubFailures.CodeOf(d) == code))
            Append(page, FailurePage.Example(diagnosis));
    }

    private static void Append(StringBuilder page, Failure failure) => page.Append(CultureInfo.InvariantCulture,
        $"> {failure.Message}\n\n{failure.Remedy} (`{failure.Code.Name}`{(failure.Diagnosis is { } diagnosis ? $", {diagnosis}" : "")})\n\n");

    private static Failure UnsupportedExample()
    {
        string folder = Directory.CreateTempSubdirectory("troubleshooting ").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, ModelFiles.ConfigurationName), """{ "model_type": "mamba" }""");
            return Failures.From(Assert.Throws<InferenceException>(() => ModelConfiguration.Load(folder)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Failure FilesExample()
    {
        ModelFiles files = new("owner/name", new Dictionary<string, long> { [ModelFiles.ConfigurationName] = 2, ["model.Q4_K_M.gguf"] = 3 });
        return Failures.From(Assert.Throws<AppException>(() => files.RequireAll(files.ChooseWeights(null, long.MaxValue), skipTokenizer: false)));
    }
}
