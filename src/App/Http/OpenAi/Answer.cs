using System.Text;
using System.Text.Json;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary>One choice as far as it has come.</summary>
internal sealed class Choice(int index, Prompt prompt)
{
    public int Index { get; } = index;

    public Prompt Prompt { get; } = prompt;

    public StringBuilder Text { get; } = new();

    public List<GeneratedToken> Tokens { get; } = [];

    public IReadOnlyList<GeneratedToken> PromptTokens { get; set; } = [];

    public FinishReason? FinishReason { get; set; }

    public float? Score { get; set; }

    public TextOffsets Offsets { get; } = new();

    public bool Begun { get; set; }
}

/// <summary>The answer to one request, in the shape of its endpoint: whole, or as chunks of a stream.</summary>
internal abstract class Answer(GenerationFields fields, IReadOnlyList<Prompt> prompts, string id, DateTimeOffset created, TokenTexts texts)
{
    /// <summary>Choice j of prompt i stands at i * n + j.</summary>
    protected IReadOnlyList<Choice> Choices { get; } =
        [.. prompts.SelectMany((prompt, i) => Enumerable.Range(i * fields.Choices, fields.Choices).Select(index => new Choice(index, prompt)))];

    protected GenerationFields Fields { get; } = fields;

    protected TokenTexts Texts { get; } = texts;

    protected abstract string WholeObject { get; }

    protected abstract string ChunkObject { get; }

    /// <summary>Takes in what is new.</summary>
    public Choice Add(ChoiceUpdate arrival)
    {
        Choice choice = Choices[arrival.Choice];
        choice.Text.Append(arrival.Update.Text);
        choice.Tokens.AddRange(arrival.Update.Tokens);
        choice.PromptTokens = arrival.Update.PromptTokens ?? choice.PromptTokens;
        choice.Score = arrival.Update.Score ?? choice.Score;
        choice.FinishReason = arrival.Update.FinishReason ?? choice.FinishReason;
        return choice;
    }

    /// <summary>The chunks that tell a client of an update that was just taken in; each writes the members of one choice.</summary>
    public abstract IEnumerable<Action<Utf8JsonWriter>> Chunks(Choice choice, GenerationUpdate update);

    /// <summary>Writes one chunk.</summary>
    public void WriteChunk(Utf8JsonWriter json, Action<Utf8JsonWriter> writeChoice)
    {
        WriteHead(json, ChunkObject);
        json.WriteStartArray("choices");
        json.WriteStartObject();
        writeChoice(json);
        json.WriteEndObject();
        json.WriteEndArray();
        if (Fields.IncludeUsage)
            json.WriteNull("usage");
    }

    /// <summary>Writes the last chunk, which has the token counts and no choice.</summary>
    public void WriteUsageChunk(Utf8JsonWriter json)
    {
        WriteHead(json, ChunkObject);
        json.WriteStartArray("choices");
        json.WriteEndArray();
        WriteUsage(json);
    }

    /// <summary>Writes the whole answer.</summary>
    public void WriteWhole(Utf8JsonWriter json)
    {
        WriteHead(json, WholeObject);
        json.WriteStartArray("choices");
        foreach (Choice choice in Choices)
        {
            json.WriteStartObject();
            WriteChoice(json, choice);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteUsage(json);
    }

    protected abstract void WriteChoice(Utf8JsonWriter json, Choice choice);

    protected static void WriteFinishReason(Utf8JsonWriter json, FinishReason? reason) => json.WriteString("finish_reason", reason switch
    {
        null => null,
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        _ => throw new InvalidOperationException($"unknown finish reason {reason}"),
    });

    /// <summary>What beam search ranks its answers by.</summary>
    protected static void WriteScore(Utf8JsonWriter json, Choice choice)
    {
        if (choice.Score is { } score)
            json.WriteNumber("score", score);
    }

    protected static void WriteIds(Utf8JsonWriter json, string name, IReadOnlyList<GeneratedToken> tokens)
    {
        json.WriteStartArray(name);
        foreach (GeneratedToken token in tokens)
            json.WriteNumberValue(token.Id);
        json.WriteEndArray();
    }

    private void WriteHead(Utf8JsonWriter json, string kind)
    {
        json.WriteString("id", id);
        json.WriteString("object", kind);
        json.WriteNumber("created", created.ToUnixTimeSeconds());
        json.WriteString("model", Fields.Model);
    }

    // A prompt counts once, however many answers it gets.
    private void WriteUsage(Utf8JsonWriter json)
    {
        int promptTokens = Choices.Where(c => c.Index % Fields.Choices == 0).Sum(c => c.PromptTokens.Count);
        int completionTokens = Choices.Sum(c => c.Tokens.Count);
        JsonAnswer.WriteUsage(json, promptTokens, completionTokens);
    }
}
