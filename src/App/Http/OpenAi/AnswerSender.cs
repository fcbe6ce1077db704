using System.Text.Json;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary>Submits a request's sequences and sends the answer, whole or streamed.</summary>
internal sealed class AnswerSender(HttpServerOptions options, ErrorResponses errors)
{
    private const string WarningsHeader = "x-llm-warnings";

    public DateTimeOffset Now => options.TimeProvider.GetUtcNow();

    public DateTime LocalNow => options.TimeProvider.GetLocalNow().DateTime;

    /// <summary>Says in a header what of a request is not known; nothing when all is.</summary>
    public static void Warn(HttpContext context, string? warnings)
    {
        if (warnings is not null)
            context.Response.Headers[WarningsHeader] = warnings;
    }

    /// <summary>Generates and answers. What the engine refuses is thrown before anything is sent.</summary>
    public async Task SendAsync(HttpContext context, LlmEngine engine, GenerationFields fields, IEnumerable<GenerationRequest> requests, Answer answer)
    {
        await using Submission submission = await Submission.StartAsync(engine, requests, context.RequestAborted);
        if (fields.Stream)
        {
            await StreamAsync(context, fields, submission, answer);
            return;
        }
        await foreach (ChoiceUpdate arrival in submission.Updates.ReadAllAsync(context.RequestAborted))
            answer.Add(arrival);
        await JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, answer.WriteWhole);
    }

    private async Task StreamAsync(HttpContext context, GenerationFields fields, Submission submission, Answer answer)
    {
        ServerSentEvents events = new(context, options);
        await events.StartAsync();
        try
        {
            await events.ForEachAsync(submission.Updates, async arrival =>
            {
                Choice choice = answer.Add(arrival);
                foreach (Action<Utf8JsonWriter> chunk in answer.Chunks(choice, arrival.Update))
                    await events.WriteAsync(json => answer.WriteChunk(json, chunk));
            });
            if (fields.IncludeUsage)
                await events.WriteAsync(answer.WriteUsageChunk);
            await events.EndAsync();
        }
        catch (Exception e) when (!ErrorResponses.IsClientGone(context, e))
        {
            // The status is sent already: clients take an object with 'error' for a failure of the stream.
            Failure failure = errors.Describe(context, e);
            await events.WriteAsync(json => ErrorResponses.Write(json, failure));
        }
    }
}
