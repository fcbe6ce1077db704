using System.Globalization;
using System.Text;
using LlmService.Inference.Scheduling;
using LlmService.Tokenizers;

namespace LlmService.Inference;

/// <summary>Turns the outputs of one sequence into updates with text. Runs on the reader's side, not on the engine thread.</summary>
/// <param name="decoder">Decodes the ids; null writes them as <c>token_id:N</c>.</param>
/// <param name="stops">Texts that end the answer.</param>
internal sealed class AnswerText(DecodeStream? decoder, IReadOnlyList<string> stops)
{
    private readonly StopDetector _stops = new(stops);

    /// <summary>The update that an output makes. It is the last one when it has a reason, which a stop text can give it.</summary>
    public GenerationUpdate Next(SequenceOutput output)
    {
        // An end token is chosen, but it is no text. Nothing else ends a sequence with Stop at this place.
        string text = "";
        if (output.Token is { } token && output.FinishReason != FinishReason.Stop)
            text = _stops.Push(Decode(token.Id));
        if (output.FinishReason.HasValue && _stops.StopText is null)
            text += _stops.Push(decoder?.Flush() ?? "");
        if (output.FinishReason.HasValue)
            text += _stops.Flush();

        return new GenerationUpdate
        {
            Text = text,
            Tokens = output.Token is null ? [] : [output.Token],
            PromptTokens = output.PromptTokens,
            FinishReason = _stops.StopText is null ? output.FinishReason : FinishReason.Stop,
            StopText = _stops.StopText,
        };
    }

    /// <summary>The one update that a whole answer makes. A stop text cuts it where it would have ended a text that comes token by token.</summary>
    public GenerationUpdate Whole(BeamAnswer answer, int index, IReadOnlyList<GeneratedToken>? prompt)
    {
        StringBuilder text = new();
        List<GeneratedToken> tokens = [];
        GenerationUpdate last = new() { FinishReason = answer.FinishReason };
        for (int i = 0; i < answer.Tokens.Count && _stops.StopText is null; i++)
        {
            bool isLast = i == answer.Tokens.Count - 1;
            last = Next(new SequenceOutput(null, answer.Tokens[i], isLast ? answer.FinishReason : null));
            text.Append(last.Text);
            tokens.Add(answer.Tokens[i]);
        }

        return last with { Answer = index, Score = answer.Score, Text = text.ToString(), Tokens = tokens, PromptTokens = prompt };
    }

    private string Decode(int id) => decoder is null ? string.Create(CultureInfo.InvariantCulture, $"token_id:{id}") : decoder.Push(id);
}
