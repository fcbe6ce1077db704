using System.Text;
using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>GPT-2's cutting, and every UTF-8 byte as a visible character.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : PreTokenizer
{
    private static readonly Gpt2Pattern Pattern = new();

    public static ByteLevelPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
        return new ByteLevelPreTokenizer(json.Boolean("add_prefix_space"), json.Boolean("use_regex", absent: true));
    }

    public override void Apply(PreTokenizedText text)
    {
        if (addPrefixSpace) text.Rewrite(AddSpace);
        if (useRegex) SplitAll(text, Pattern, SplitBehavior.Isolated, invert: false);
        text.Rewrite(ToBytes);
    }

    private static void AddSpace(AlignedText source, Piece piece, AlignedText output)
    {
        if (source.Span[piece.Start] != ' ') output.Append(' ', source.StartOf(piece.Start), source.EndOf(piece.Start));
        output.Append(source, piece.Start, piece.End);
    }

    private static void ToBytes(AlignedText source, Piece piece, AlignedText output)
    {
        ReadOnlySpan<char> text = source.Span;
        Span<byte> bytes = stackalloc byte[4];
        for (int i = piece.Start; i < piece.End;)
        {
            char c = text[i];
            if (c < 0x80)
            {
                output.Append(ByteAlphabet.ToChar((byte)c), source.StartOf(i), source.EndOf(i));
                i++;
                continue;
            }

            int codePoint = CodePoints.At(text, i);
            int count = new Rune(codePoint).EncodeToUtf8(bytes);
            foreach (byte b in bytes[..count]) output.Append(ByteAlphabet.ToChar(b), source.StartOf(i), source.EndOf(i));
            i += CodePoints.Utf16Length(codePoint);
        }
    }
}
