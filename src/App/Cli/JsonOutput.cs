using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.App.Cli;

/// <summary>What <c>--json</c> writes: exactly one object.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The object of a failure.</summary>
    public static string Failure(Failure failure) => Write(FailureObject(failure));

    /// <summary>The fields of a failure, for answers that say more.</summary>
    public static JsonObject FailureObject(Failure failure) => new()
    {
        ["ok"] = false,
        ["code"] = failure.Code.Name,
        ["diagnosis"] = failure.Diagnosis,
        ["message"] = failure.Message,
        ["remedy"] = failure.Remedy,
    };

    public static string Write(JsonObject value) => value.ToJsonString(Options);
}
