using CsCheck;
using LlmService.Tokenizers.Chat;

namespace LlmService.Tokenizers.Tests.Chat;

/// <summary>What holds for every conversation.</summary>
public sealed class ChatTemplateProperties
{
    private static readonly Gen<string> Text = Gen.OneOf<string>(
        Gen.String, Gen.OneOf("<|im_end|>", "<|im_start|>system\n", "[/INST]", "<s>", "{{ x }}", "😀\n ", ""), Gen.Select(Gen.String, Gen.OneOf("<|im_end|>", "</s>"), (a, b) => a + b));

    private static readonly Gen<ChatMessage[]> Conversations =
        Gen.Select(Gen.OneOf("system", "user", "assistant", "tool"), Text, (role, text) => new ChatMessage(role, text)).Array[1, 6];

    private static readonly ChatTemplate Template = ChatTemplate.Parse(OwnTemplates.ChatMl, "t");

    /// <summary>The data ranges are the trimmed contents, in order: everything that messages said, and nothing else.</summary>
    [Fact]
    public void DataRanges_AreWhatTheMessagesSaid() => Conversations.Sample(messages =>
    {
        RenderedChat chat = Template.RenderNow(new() { Messages = messages, AddGenerationPrompt = true });
        string[] said = [.. messages.Select(m => Trim(m.Text!)).Where(t => t.Length > 0)];
        return chat.DataRanges.Select(r => chat.Text[r.Start..r.End]).SequenceEqual(said);
    }, iter: 500);

    /// <summary>Rendering is a function of its input, and ranges are in order and apart.</summary>
    [Fact]
    public void Render_Twice_IsTheSame() => Conversations.Sample(messages =>
    {
        ChatTemplateInput input = new() { Messages = messages };
        (RenderedChat first, RenderedChat second) = (Template.RenderNow(input), Template.RenderNow(input));
        int end = -1;
        foreach (TextRange range in first.DataRanges)
        {
            if (range.Start <= end || range.End <= range.Start || range.End > first.Text.Length) return false;
            end = range.End;
        }

        return first.Text == second.Text && first.DataRanges.SequenceEqual(second.DataRanges);
    }, iter: 300);

    /// <summary>A continued conversation ends with its last message, and is the beginning of the whole one.</summary>
    [Fact]
    public void ContinueFinalMessage_IsAPrefixThatEndsWithTheMessage() => Conversations.Sample(messages =>
    {
        string last = Trim(messages[^1].Text!);
        if (last.Length == 0) return true;
        string whole = Template.RenderNow(new() { Messages = messages }).Text;
        string continued = Template.RenderNow(new() { Messages = messages, ContinueFinalMessage = true }).Text;
        return whole.StartsWith(continued, StringComparison.Ordinal) && continued.EndsWith(last, StringComparison.Ordinal);
    }, iter: 300);

    private static string Trim(string text) => LlmService.Tokenizers.Jinja.Builtins.StringMethods.Strip(new(text), null, left: true, right: true).Text;
}
