using System.Text.RegularExpressions;

namespace LlmService.App.Tasks;

/// <summary>Takes out of an answer what stands for no text: tokenizers that do not list their unknown and end tokens as special print them.</summary>
internal static partial class SpecialTokenTexts
{
    public static string Remove(string text) => Pattern.Replace(text, " ");

    [GeneratedRegex(@"<(?:unk|pad|s|/s|bos|eos|mask|extra_id_\d+)>|\[(?:UNK|PAD|CLS|SEP|MASK)\]|<\|[^|<>\n]{1,40}\|>|⁇|\uFFFD")]
    private static partial Regex Pattern { get; }
}
