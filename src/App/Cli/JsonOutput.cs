using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.App.Cli;

/// <summary>What <c>--json</c> writes: exactly one object.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The object of a failure.</summary>
    public static string Failure(Failure failure) => Write(OfFailure(failure));

    /// <summary>The fields of a failure, for a command that has more to tell.</summary>
    public static JsonObject OfFailure(Failure failure)
    {
        JsonObject result = new() { ["ok"] = false };
        AddFailure(result, failure);
        return result;
    }

    /// <summary>Adds what is told of a failure; nothing when there is none.</summary>
    public static void AddFailure(JsonObject target, Failure? failure)
    {
        if (failure is null)
            return;
        target["code"] = failure.Code.Name;
        target["diagnosis"] = failure.Diagnosis ?? InPascalCase(failure.Code.Name);
        target["message"] = failure.Message;
        target["remedy"] = failure.Remedy ?? $"Look up '{failure.Code.Name}' in docs/failures.md.";
    }

    public static string Write(JsonObject value) => value.ToJsonString(Options);

    private static string InPascalCase(string name) =>
        string.Concat(name.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
}
