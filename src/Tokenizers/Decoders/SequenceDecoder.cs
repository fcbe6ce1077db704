namespace LlmService.Tokenizers.Decoders;

/// <summary>Decoders one after the other.</summary>
internal sealed class SequenceDecoder(Decoder[] steps) : Decoder
{
    public static SequenceDecoder Create(JsonPart json)
    {
        json.AllowOnly("type", "decoders");
        return new SequenceDecoder([.. json.Get("decoders").Items().Select(Read)]);
    }

    public override DecodeStage Start(DecodeStage next)
    {
        for (int i = steps.Length - 1; i >= 0; i--) next = steps[i].Start(next);
        return next;
    }

    public override string Spell(string token) => steps.Aggregate(token, (spelling, step) => step.Spell(spelling));

    public override byte[]? Bytes(string token)
    {
        foreach (Decoder step in steps)
        {
            if (step.Bytes(token) is byte[] bytes) return bytes;
            token = step.Spell(token);
        }

        return null;
    }
}
