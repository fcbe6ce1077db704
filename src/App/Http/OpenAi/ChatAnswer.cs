using System.Text.Json;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary>The answer of <c>/v1/chat/completions</c>.</summary>
internal sealed class ChatAnswer(ChatRequest request, Prompt prompt, string id, DateTimeOffset created, TokenTexts texts)
    : Answer(request.Fields, [prompt], id, created, texts)
{
    protected override string WholeObject => "chat.completion";

    protected override string ChunkObject => "chat.completion.chunk";

    private bool HasLogProbabilities => request.LogProbabilities is not null;

    public override IEnumerable<Action<Utf8JsonWriter>> Chunks(Choice choice, GenerationUpdate update)
    {
        if (!choice.Begun)
        {
            choice.Begun = true;
            yield return json => WriteRole(json, choice);
        }
        if (update.Text.Length > 0 || (update.Tokens.Count > 0 && (HasLogProbabilities || Fields.ReturnTokenIds)))
            yield return json => WriteContent(json, choice, update);
        if (update.FinishReason is not null)
            yield return json => WriteEnd(json, choice, update);
    }

    protected override void WriteChoice(Utf8JsonWriter json, Choice choice)
    {
        json.WriteNumber("index", choice.Index);
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        json.WriteString("content", choice.Text.ToString());
        json.WriteNull("refusal");
        json.WriteEndObject();
        WriteLogProbabilities(json, choice.Tokens);
        WriteFinishReason(json, choice.FinishReason);
        WriteScore(json, choice);
        if (Fields.ReturnTokenIds)
        {
            WriteIds(json, "prompt_token_ids", choice.PromptTokens);
            WriteIds(json, "token_ids", choice.Tokens);
        }
    }

    private void WriteRole(Utf8JsonWriter json, Choice choice)
    {
        WriteDelta(json, choice, null, delta =>
        {
            delta.WriteString("role", "assistant");
            delta.WriteString("content", "");
            delta.WriteNull("refusal");
        });
        if (Fields.ReturnTokenIds)
            WriteIds(json, "prompt_token_ids", choice.PromptTokens);
    }

    private void WriteContent(Utf8JsonWriter json, Choice choice, GenerationUpdate update)
    {
        WriteDelta(json, choice, null, delta => delta.WriteString("content", update.Text), update.Tokens);
        if (Fields.ReturnTokenIds)
            WriteIds(json, "token_ids", update.Tokens);
    }

    private void WriteEnd(Utf8JsonWriter json, Choice choice, GenerationUpdate update)
    {
        WriteDelta(json, choice, update.FinishReason, _ => { });
        WriteScore(json, choice);
    }

    private void WriteDelta(Utf8JsonWriter json, Choice choice, FinishReason? reason, Action<Utf8JsonWriter> write, IReadOnlyList<GeneratedToken>? tokens = null)
    {
        json.WriteNumber("index", choice.Index);
        json.WriteStartObject("delta");
        write(json);
        json.WriteEndObject();
        WriteLogProbabilities(json, tokens);
        WriteFinishReason(json, reason);
    }

    private void WriteLogProbabilities(Utf8JsonWriter json, IReadOnlyList<GeneratedToken>? tokens)
    {
        if (HasLogProbabilities && tokens is not null)
            LogProbabilities.WriteChat(json, tokens, Texts);
        else
            json.WriteNull("logprobs");
    }
}
