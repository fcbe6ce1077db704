using System.Text.Json;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary>The answer of <c>/v1/completions</c>.</summary>
/// <param name="begun">For encoder-decoders: what the answer is begun with; the prompt's last tokens.</param>
internal sealed class CompletionAnswer(CompletionRequest request, int[] begun, string id, DateTimeOffset created, TokenTexts texts)
    : Answer(request.Fields, request.Prompts, id, created, texts)
{
    protected override string WholeObject => "text_completion";

    protected override string ChunkObject => "text_completion";

    private bool HasLogProbabilities => request.LogProbabilities is not null;

    public override IEnumerable<Action<Utf8JsonWriter>> Chunks(Choice choice, GenerationUpdate update)
    {
        bool first = !choice.Begun;
        choice.Begun = true;
        string echo = first ? EchoOf(choice) : "";
        bool hasNews = update.Text.Length + echo.Length > 0 || update.FinishReason is not null
            || (first && (Fields.ReturnTokenIds || (request.Echo && HasLogProbabilities)))
            || (update.Tokens.Count > 0 && (Fields.ReturnTokenIds || HasLogProbabilities));
        if (hasNews)
            yield return json => WriteChunk(json, choice, update, first, echo);
    }

    protected override void WriteChoice(Utf8JsonWriter json, Choice choice)
    {
        string echo = EchoOf(choice);
        WriteText(json, choice, echo, choice.Text.ToString(), request.Echo ? choice.PromptTokens : [], choice.Tokens, choice.FinishReason);
        WriteScore(json, choice);
        if (Fields.ReturnTokenIds)
        {
            WriteIds(json, "prompt_token_ids", choice.PromptTokens);
            WriteIds(json, "token_ids", choice.Tokens);
        }
    }

    private void WriteChunk(Utf8JsonWriter json, Choice choice, GenerationUpdate update, bool first, string echo)
    {
        WriteText(json, choice, echo, update.Text, first && request.Echo ? choice.PromptTokens : [], update.Tokens, update.FinishReason);
        if (update.FinishReason is not null)
            WriteScore(json, choice);
        if (!Fields.ReturnTokenIds)
            return;
        if (first)
            WriteIds(json, "prompt_token_ids", choice.PromptTokens);
        WriteIds(json, "token_ids", update.Tokens);
    }

    private void WriteText(Utf8JsonWriter json, Choice choice, string echo, string text,
        IReadOnlyList<GeneratedToken> promptTokens, IReadOnlyList<GeneratedToken> tokens, FinishReason? reason)
    {
        json.WriteString("text", echo + text);
        json.WriteNumber("index", choice.Index);
        if (HasLogProbabilities)
        {
            List<int> offsets = Offsets(choice, [.. promptTokens.SkipLast(begun.Length)]);
            if (echo.Length > 0)
                choice.Offsets.Jump(LengthOf(PromptOf(choice)));
            offsets.AddRange(Offsets(choice, [.. promptTokens.TakeLast(begun.Length)]));
            if (echo.Length > 0)
                choice.Offsets.Jump(LengthOf(echo));
            offsets.AddRange(Offsets(choice, tokens));
            LogProbabilities.WriteLegacy(json, [.. promptTokens, .. tokens], offsets, Texts);
        }
        else
        {
            json.WriteNull("logprobs");
        }
        WriteFinishReason(json, reason);
    }

    private List<int> Offsets(Choice choice, IReadOnlyList<GeneratedToken> tokens)
    {
        List<int> offsets = new(tokens.Count);
        foreach (GeneratedToken token in tokens)
            offsets.Add(choice.Offsets.Next(choice.Offsets.AtStart ? Texts.FirstBytes(token.Id) : Texts.Bytes(token.Id)));
        return offsets;
    }

    private string EchoOf(Choice choice) => !request.Echo ? "" : PromptOf(choice) + (begun.Length == 0 ? "" : Texts.Decode(begun));

    private string PromptOf(Choice choice) => choice.Prompt.Text ?? Texts.Decode(choice.Prompt.TokenIds!);

    private static int LengthOf(string text) => text.EnumerateRunes().Count();
}
