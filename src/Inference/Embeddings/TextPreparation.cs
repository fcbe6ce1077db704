using LlmService.Tokenizers;

namespace LlmService.Inference.Embeddings;

/// <summary>Makes tokens of texts as the files of a repository say: prompts, lower case, the longest text. Safe for concurrent use.</summary>
public sealed class TextPreparation
{
    private readonly Tokenizer? _tokenizer;
    private readonly SentenceConfiguration _sentences;
    private readonly bool _hasTypes;

    internal TextPreparation(Tokenizer? tokenizer, SentenceConfiguration sentences, int maxTokens, bool hasTypes)
    {
        (_tokenizer, _sentences, MaxTokens, _hasTypes) = (tokenizer, sentences, maxTokens, hasTypes);
    }

    /// <summary>The longest text in tokens, with those that the tokenizer adds.</summary>
    public int MaxTokens { get; }

    /// <summary>The names of the prompts that can be put before texts.</summary>
    public IReadOnlyCollection<string> PromptNames => [.. _sentences.Prompts.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Whether texts can be given as texts; else only as ids.</summary>
    public bool HasTokenizer => _tokenizer is not null;

    /// <summary>A text for a vector.</summary>
    /// <param name="text">The text.</param>
    /// <param name="promptName">The prompt to put before it; null for the model's default, which mostly is none.</param>
    /// <param name="cutTo">To how many tokens a longer text is cut at its end; null leaves it.</param>
    /// <exception cref="InferenceException">InvalidRequest: there is no such prompt; no text fits into so few tokens.</exception>
    public EncoderText Text(string text, string? promptName = null, int? cutTo = null)
    {
        string prompt = Prompt(promptName);
        EncoderText whole = Encode(Prepare(prompt + text), null, cutTo);
        return whole with { PromptTokens = prompt.Length == 0 || _sentences.Pooling.IncludesPrompt ? 0 : PromptLength(prompt) };
    }

    /// <summary>Two texts that a model scores together.</summary>
    /// <param name="first">The query.</param>
    /// <param name="second">The document.</param>
    /// <param name="cutTo">To how many tokens both are cut, the longer one first; null leaves them.</param>
    /// <exception cref="InferenceException">InvalidRequest: no text fits into so few tokens.</exception>
    public EncoderText Pair(string first, string second, int? cutTo = null) => Encode(Prepare(first), Prepare(second), cutTo);

    /// <summary>Ids as they are: no prompt is put before them.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="promptName">Must be null.</param>
    /// <param name="cutTo">How many of the first ids are kept; null keeps all.</param>
    /// <exception cref="InferenceException">InvalidRequest: a prompt is asked for.</exception>
    public static EncoderText Tokens(IReadOnlyList<int> ids, string? promptName = null, int? cutTo = null) => promptName is null
        ? new() { Ids = cutTo < ids.Count ? [.. ids.Take(cutTo.Value)] : ids, WholeTokens = ids.Count }
        : throw new InferenceException(InferenceFailure.InvalidRequest, "A prompt is put before texts; token ids are taken as they are.") { Field = "prompt_name", Remedy = "Send texts, or put the ids of the prompt before the others." };

    private Tokenizer Tokenizer => _tokenizer ?? throw new InvalidOperationException("A text needs the model's tokenizer, and none was loaded.");

    private string Prompt(string? name)
    {
        if ((name ?? _sentences.DefaultPrompt) is not { } chosen)
            return "";
        if (_sentences.Prompts.TryGetValue(chosen, out string? prompt))
            return prompt;
        throw new InferenceException(InferenceFailure.InvalidRequest, PromptNames.Count == 0
            ? $"The model has no prompts ({SentenceConfiguration.PromptsFile}), so none is called '{chosen}'." : $"The model has no prompt '{chosen}'; it has {string.Join(", ", PromptNames)}.")
        {
            Field = "prompt_name",
            Remedy = "Leave it out, or write the prompt before the text.",
        };
    }

    private string Prepare(string text)
    {
        if (_sentences.Strips)
            text = PythonStrings.Strip(text);
        return _sentences.LowersCase ? PythonStrings.Lower(text) : text;
    }

    private EncoderText Encode(string first, string? second, int? cutTo)
    {
        if (cutTo is null && (LongText.Exceeds(Tokenizer, first, MaxTokens) || (second is not null && LongText.Exceeds(Tokenizer, second, MaxTokens))))
            return new() { Ids = [], WholeTokens = 0, IsFarTooLong = true };
        // How a pair is cut depends on the lengths of both.
        if (cutTo is { } tokens && second is null)
            first = LongText.Beginning(Tokenizer, first, tokens);
        Encoding whole = Tokenizer.Encode(first, second);
        Encoding kept = cutTo < whole.Count ? Cut(first, second, cutTo.Value) : whole;
        return new() { Ids = kept.Ids, Types = _hasTypes && second is not null ? kept.TypeIds : null, WholeTokens = whole.Count };
    }

    private Encoding Cut(string first, string? second, int cutTo)
    {
        int added = Tokenizer.Encode("", second is null ? null : "").Count;
        if (cutTo <= added)
        {
            throw new InferenceException(InferenceFailure.InvalidRequest, $"A text cannot be cut to {cutTo} tokens: the tokenizer adds {added} of its own.")
            {
                Field = "truncate_prompt_tokens",
                Remedy = $"Ask for at least {added + 1} tokens.",
            };
        }
        return Tokenizer.Encode(first, second, new EncodeOptions { Truncation = new(cutTo) });
    }

    // As sentence-transformers counts them: with what the tokenizer adds before, without what it adds behind.
    private int PromptLength(string prompt)
    {
        Encoding encoding = Tokenizer.Encode(Prepare(prompt));
        return encoding.Count > 0 && (encoding.SpecialTokensMask[^1] || Tokenizer.IsSpecial(encoding.Ids[^1])) ? encoding.Count - 1 : encoding.Count;
    }
}
