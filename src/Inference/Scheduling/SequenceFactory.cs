using System.Security.Cryptography;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Sampling;
using LlmService.Tokenizers;

namespace LlmService.Inference.Scheduling;

/// <summary>Makes sequences from requests: checks every value, turns text into ids and applies the limits of the model and its cache.</summary>
/// <param name="tokenizer">Null takes only prompts in ids.</param>
internal sealed class SequenceFactory(ModelDescription model, KvCache cache, Tokenizer? tokenizer, GenerationConfiguration generation)
{
    private const int DefaultMaxTokens = 512;
    private const int MaxLogProbabilities = 20;

    /// <summary>Makes a sequence.</summary>
    /// <exception cref="InferenceException">InvalidRequest, ContextLengthExceeded, OutOfMemory.</exception>
    public Sequence Create(GenerationRequest request, CancellationToken cancellation)
    {
        Validate(request);
        int[] prompt = ReadPrompt(request);
        int maxTokens = LimitTokens(prompt.Length, request.DecoderPromptTokenIds.Count, request.MaxTokens);
        // What generation_config.json asks for gives way to the request's own limit.
        if (request.Sampling.MinTokens > maxTokens && request.Sampling.MinTokens != generation.Sampling.MinTokens)
            throw Invalid("min_tokens", $"'min_tokens' is {request.Sampling.MinTokens}, above the {maxTokens} tokens that the answer may have.");

        IReadOnlyList<int> endTokenIds = request.IgnoreEndTokens ? [] : request.EndTokenIds ?? generation.EndTokenIds;
        var limits = new AnswerLimits { PromptIds = prompt, EndTokenIds = endTokenIds, MaxTokens = maxTokens };
        ulong seed = request.Sampling.Seed ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        // Without a token to choose there is nothing to search.
        bool searches = request.Sampling.NumBeams > 1 && maxTokens > 0;
        var sequence = new Sequence(new SequenceOptions
        {
            PromptIds = prompt,
            MaxTokens = maxTokens,
            Sampler = new Sampler(request.Sampling, limits, seed, request.Choice),
            Beams = searches ? new BeamSearch(request.Sampling, limits, request.LogProbabilities) : null,
            Answers = request.Answers,
            DecoderStartTokenId = model.IsEncoderDecoder ? model.DecoderStartTokenId : null,
            DecoderPromptIds = [.. request.DecoderPromptTokenIds],
            EndTokenIds = endTokenIds,
            LogProbabilities = request.LogProbabilities,
            PromptLogProbabilities = request.PromptLogProbabilities,
            Cancellation = cancellation,
        });
        RequireCache(sequence, prompt.Length, maxTokens);
        return sequence;
    }

    /// <summary>Refuses a text that is far too long for a prompt, before all of it is tokenized.</summary>
    /// <exception cref="InferenceException">ContextLengthExceeded.</exception>
    public void RequireRoom(string text)
    {
        if (tokenizer is not null && LongText.Exceeds(tokenizer, text, model.PromptLength))
            throw TooLong($"more than {model.PromptLength} prompt tokens", "prompt");
    }

    private void Validate(GenerationRequest request)
    {
        request.Sampling.Validate(model.VocabularySize);
        if (request.MaxTokens < 0)
            throw Invalid("max_tokens", "'max_tokens' must be 0 or more.");
        if (request.Answers < 1 || request.Answers > request.Sampling.NumBeams)
        {
            throw new InferenceException(InferenceFailure.InvalidRequest, $"{request.Answers} answers are asked for, but 'num_beams' is {request.Sampling.NumBeams}: beam search gives at most as many answers as it has beams.")
            {
                Field = "n",
                Remedy = "Raise 'num_beams', or ask for fewer answers.",
            };
        }

        if (request.DecoderPromptTokenIds.Count > 0 && !model.IsEncoderDecoder)
            throw Invalid("decoder_input_ids", "Only models with an encoder and a decoder have a prompt for the decoder.");
        RequireIds("eos_token_id", request.EndTokenIds ?? []);
        RequireIds("decoder_input_ids", request.DecoderPromptTokenIds);
        if (request.LogProbabilities is < 0 or > MaxLogProbabilities)
            throw Invalid("logprobs", $"'logprobs' must be between 0 and {MaxLogProbabilities}.");
        if (request.Stop.Any(string.IsNullOrEmpty))
            throw Invalid("stop", "'stop' has an empty text; every answer would end before it begins.");
        if (tokenizer is null && request.Stop.Count > 0)
            throw Invalid("stop", "'stop' needs the model's tokenizer, and none was loaded.");
    }

    private void RequireIds(string field, IReadOnlyList<int> ids)
    {
        if (ids.Any(id => id < 0 || id >= model.VocabularySize))
            throw Invalid(field, $"'{field}' names a token outside of the vocabulary, which has the ids 0 to {model.VocabularySize - 1}.");
    }

    private int[] ReadPrompt(GenerationRequest request)
    {
        if (request.Prompt is null == request.PromptTokenIds is null)
            throw Invalid("prompt", "A request has one prompt, either as text or as token ids.");
        if (request.Prompt is not null && tokenizer is null)
            throw Invalid("prompt", "A text prompt needs the model's tokenizer, and none was loaded; send token ids.");

        if (request.Prompt is not null)
            RequireRoom(request.Prompt);
        int[] ids = request.Prompt is null ? [.. request.PromptTokenIds!] : [.. tokenizer!.Encode(request.Prompt, SpecialTokens.Include).Ids];
        if (ids.Length == 0)
            throw Invalid("prompt", "The prompt is empty; the model needs at least one token to begin with.");

        int unknown = Array.FindIndex(ids, id => id < 0 || id >= model.VocabularySize);
        if (unknown < 0)
            return ids;
        if (request.Prompt is null)
            throw Invalid("prompt", $"The prompt has the token id {ids[unknown]}, but the vocabulary has the ids 0 to {model.VocabularySize - 1}.");
        throw new InferenceException(
            InferenceFailure.CorruptModel,
            $"The tokenizer gives the token id {ids[unknown]}, but the model has the ids 0 to {model.VocabularySize - 1}: they do not belong together.");
    }

    /// <summary>How many tokens the answer may have.</summary>
    private int LimitTokens(int promptLength, int begunLength, int? maxTokens)
    {
        // A prompt that is computed for its own sake may fill the context; an answer needs a place.
        int left = model.IsEncoderDecoder ? model.ContextLength - begunLength : model.ContextLength - promptLength;
        bool isPromptTooLong = model.IsEncoderDecoder ? promptLength > model.PromptLength || left < 1 : left < (maxTokens is 0 ? 0 : 1);
        if (isPromptTooLong || maxTokens > left)
            throw TooLong(promptLength, begunLength, maxTokens);
        return maxTokens ?? Math.Min(UsualTokens(promptLength, begunLength), left);
    }

    /// <summary>How many tokens an answer has at most where the request does not say it.</summary>
    private int UsualTokens(int promptLength, int begunLength)
    {
        // The decoder of an encoder-decoder has read its start token before the answer.
        int read = model.IsEncoderDecoder ? 1 + begunLength : promptLength;
        return generation.MaxNewTokens ?? (generation.MaxLength > read ? generation.MaxLength.Value - read : DefaultMaxTokens);
    }

    private InferenceException TooLong(int promptLength, int begunLength, int? maxTokens)
    {
        string begun = begunLength > 0 ? $", {begunLength} tokens that the answer is begun with" : "";
        string asked = maxTokens is int tokens ? $"{promptLength} prompt tokens{begun} and max_tokens {tokens}" : $"{promptLength} prompt tokens{begun}";
        return TooLong(asked, promptLength > model.PromptLength ? "prompt" : "max_tokens");
    }

    private InferenceException TooLong(string asked, string field)
    {
        string limit = model.IsEncoderDecoder
            ? $"the model reads at most {model.PromptLength} prompt tokens and writes at most {model.ContextLength} tokens"
            : $"the model's context has {model.ContextLength} tokens for prompt and answer together";
        return new InferenceException(InferenceFailure.ContextLengthExceeded, $"The request has {asked}, but {limit}.")
        {
            Field = field,
            Remedy = "Shorten the prompt or ask for fewer tokens.",
        };
    }

    /// <summary>Refuses what the cache could not hold even if nothing else ran.</summary>
    private void RequireCache(Sequence sequence, int promptLength, int maxTokens)
    {
        long bytes = cache.BytesFor(sequence.ReservedTokens, sequence.EncoderIds?.Length ?? 0, sequence.Branching);
        if (bytes <= cache.CapacityBytes)
            return;
        throw new InferenceException(
            InferenceFailure.OutOfMemory,
            $"The request has {promptLength} prompt tokens and up to {maxTokens} answer tokens; they need {bytes} bytes of key/value cache, which has {cache.CapacityBytes}.")
        {
            Remedy = "Shorten the prompt, ask for fewer tokens, or give the cache more memory.",
        };
    }

    private static InferenceException Invalid(string field, string message) =>
        new(InferenceFailure.InvalidRequest, message) { Field = field };
}
