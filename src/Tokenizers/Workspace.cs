using LlmService.Tokenizers.PostProcessors;

namespace LlmService.Tokenizers;

/// <summary>What encoding one text works with. It is kept for the next call; its buffers are borrowed for the call only.</summary>
internal sealed class Workspace
{
    public PreTokenizedText Pieces { get; } = new();

    /// <summary>The text between two added tokens.</summary>
    public AlignedText Section { get; } = new();

    public PooledList<AddedTokenFinder.Part> Parts { get; } = new();

    public PooledList<AddedTokenFinder.Part> InnerParts { get; } = new();

    /// <summary>The tokens of both texts, and what stands around them.</summary>
    public EncodingLayout Layout { get; } = new();

    /// <summary>Gives all buffers back.</summary>
    public void Release()
    {
        Pieces.Release();
        Section.Release();
        Parts.Release();
        InnerParts.Release();
        Layout.Release();
    }
}
