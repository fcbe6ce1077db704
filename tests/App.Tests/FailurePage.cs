using System.Globalization;
using System.Text;
using LlmService.Hub;

namespace LlmService.App.Tests;

/// <summary>The page of the documentation that is made from the table of failures.</summary>
internal static class FailurePage
{
    /// <summary>The whole page, in Markdown.</summary>
    public static string Write()
    {
        StringBuilder page = new();
        page.Append("""
            # Failures

            Every failure has one code, the same on the command line (exit code, and `code` with `--json`), over HTTP (`error.code`) and in the log.
            This page is made from the table in the code; a test keeps it true.

            | code | HTTP | exit | what it means |
            |---|---|---|---|

            """);
        foreach (FailureCode code in FailureCode.All)
            page.Append(CultureInfo.InvariantCulture, $"| `{code.Name}` | {code.HttpStatus} | {code.ExitCode} | {code.Meaning} |\n");
        page.Append("""

            A command that Ctrl-C ended exits with 130; a service that SIGTERM drained with 0.

            ## Diagnoses of the Hub

            Where the Hub's answer says more, `diagnosis` has the finer name.

            | diagnosis | code | what the user is told |
            |---|---|---|

            """);
        foreach (HubDiagnosis diagnosis in Enum.GetValues<HubDiagnosis>())
        {
            Failure example = Example(diagnosis);
            page.Append(CultureInfo.InvariantCulture, $"| {diagnosis} | `{example.Code.Name}` | {example.Message} {example.Remedy} |\n");
        }
        return page.ToString();
    }

    /// <summary>A failure as a user would meet it.</summary>
    public static Failure Example(HubDiagnosis diagnosis) => HubFailures.From(new HubException(diagnosis, new HubFacts
    {
        Repository = "owner/name",
        Revision = "v2",
        Revisions = diagnosis == HubDiagnosis.RevisionNotFound ? ["main", "v1"] : [],
        File = diagnosis is HubDiagnosis.EntryNotFound or HubDiagnosis.CorruptDownload or HubDiagnosis.DiskFull ? "model.safetensors" : null,
        Endpoint = "https://huggingface.co",
        CacheFolder = "/home/me/.cache/huggingface/hub",
        TokenSource = diagnosis is HubDiagnosis.GatedNeedsLogin or HubDiagnosis.NotFoundOrPrivate ? null : "environment variable HF_TOKEN",
        Status = 503,
    }));
}
