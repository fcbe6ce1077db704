namespace LlmService.Tokenizers.Patterns.Oniguruma;

/// <summary>A part of a regular expression.</summary>
internal abstract record PatternNode;

/// <summary>One code point of a set.</summary>
internal sealed record SetNode(CodePointSet Set) : PatternNode;

/// <summary>Parts one after the other; none of them match the empty text.</summary>
internal sealed record SequenceNode(IReadOnlyList<PatternNode> Parts) : PatternNode;

/// <summary>The first part that leads to a match.</summary>
internal sealed record ChoiceNode(IReadOnlyList<PatternNode> Parts) : PatternNode;

internal enum RepeatMode
{
    Greedy, Lazy, Possessive,
}

/// <summary>A part several times; the most is -1 for no limit.</summary>
internal sealed record RepeatNode(PatternNode Part, int Least, int Most, RepeatMode Mode) : PatternNode;

internal enum AssertionKind
{
    Ahead, NotAhead, Behind, NotBehind, Atomic,
}

/// <summary>A part that is looked for without being taken, or that is not tried again once taken.</summary>
internal sealed record AssertionNode(AssertionKind Kind, PatternNode Part) : PatternNode;

internal enum PlaceKind
{
    LineStart, LineEnd, TextStart, TextEnd, TextEndOrLastLine, WordBoundary, NoWordBoundary,
}

/// <summary>A place between characters.</summary>
internal sealed record PlaceNode(PlaceKind Kind) : PatternNode;
