namespace LlmService.Tokenizers.Decoders;

/// <summary>One step of a running decode. A token arrives in one or more fragments; whole and incremental decoding are the same code.</summary>
internal abstract class DecodeStage
{
    /// <summary>Takes a fragment; <paramref name="endOfToken"/> says whether its token ends here.</summary>
    public abstract void Write(string fragment, bool endOfToken);

    /// <summary>Nothing more comes.</summary>
    public abstract void End();
}
