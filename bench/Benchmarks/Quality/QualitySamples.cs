using LlmService.Inference;
using LlmService.Inference.Execution;
using LlmService.Tokenizers;

namespace LlmService.Benchmarks.Quality;

/// <summary>Tokens whose probabilities are compared.</summary>
/// <param name="Source">What the encoder reads; empty for a decoder.</param>
/// <param name="Tokens">What the decoder reads, each of which but the first is predicted.</param>
internal sealed record QualitySample(int[] Source, int[] Tokens);

/// <summary>
/// What a model is asked: a decoder the paragraphs of the text; an encoder-decoder for a summary and for tags of each of them, where the tokens are those that it answers itself in floats. A model
/// without a tokenizer gets ids in random order.
/// </summary>
internal static class QualitySamples
{
    private const int MaxTokens = 192, AnswerTokens = 32, RandomSamples = 12, RandomLength = 12, FirstRandomId = 4;
    // The prompts that the service sends.
    private static readonly string[] Tasks = ["Summarize the following text in one sentence:\n\n", "List the main topics of the following text as short tags separated by commas:\n\n"];

    public static QualitySample[] Make(ModelSource source, ModelRunner runner, string[] paragraphs)
    {
        Tokenizer? tokenizer = source.HasTokenizer ? source.Tokenizer() : null;
        if (!runner.Model.IsEncoderDecoder && tokenizer is null)
            throw new InvalidDataException("it has no tokenizer");
        IEnumerable<int[]> texts = tokenizer is null
            ? Enumerable.Range(0, RandomSamples).Select(seed => RandomIds(seed, runner.Model.VocabularySize))
            : (runner.Model.IsEncoderDecoder ? Tasks.SelectMany(task => paragraphs.Select(paragraph => task + paragraph)) : paragraphs).Select(text => tokenizer.Encode(text).Ids.ToArray());
        int longest = Math.Min(MaxTokens, runner.Model.PromptLength);
        int[][] cut = [.. texts.Select(ids => ids[..Math.Min(ids.Length, longest)])];
        int? end = source.Generation().EndTokenIds.Cast<int?>().FirstOrDefault();
        return [.. cut.Select(ids => runner.Model.IsEncoderDecoder ? new QualitySample(ids, Answer(runner, ids, end)) : new QualitySample([], ids)).Where(sample => sample.Tokens.Length > 1)];
    }

    /// <summary>The logits after each token of a sample.</summary>
    public static float[] Logits(ModelRunner runner, QualitySample sample)
    {
        float[] logits = new float[sample.Tokens.Length * runner.Model.VocabularySize];
        using SequenceCache cache = Open(runner, sample.Source, sample.Tokens.Length);
        runner.Forward([new BatchRow(sample.Tokens, 0, cache, sample.Tokens.Length)], logits);
        return logits;
    }

    private static SequenceCache Open(ModelRunner runner, int[] source, int tokens)
    {
        SequenceCache cache = runner.Cache.Open();
        if (!cache.TryReserve(tokens) || (source.Length > 0 && !cache.TryReserveCross(source.Length)))
            throw new InvalidDataException("the samples do not fit into the cache");
        if (source.Length > 0)
            runner.Encode([new EncoderRow(source, cache)]);
        return cache;
    }

    private static int[] Answer(ModelRunner runner, int[] source, int? end)
    {
        List<int> answer = [runner.Model.DecoderStartTokenId];
        float[] logits = new float[runner.Model.VocabularySize];
        using SequenceCache cache = Open(runner, source, AnswerTokens);
        while (answer.Count < AnswerTokens && (answer.Count == 1 || answer[^1] != end))
        {
            runner.Forward([new BatchRow(new[] { answer[^1] }, answer.Count - 1, cache, 1)], logits);
            answer.Add(Array.IndexOf(logits, logits.Max()));
        }
        return [.. answer];
    }

    private static int[] RandomIds(int seed, int vocabulary)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, RandomLength).Select(_ => random.Next(FirstRandomId, vocabulary))];
    }
}
