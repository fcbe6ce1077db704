using LlmService.Inference.Execution;

namespace LlmService.App.Http;

public sealed class PlainChatTests
{
    private static readonly ChatTurn[] Conversation =
        [new("developer", "Be brief."), new("user", "One?"), new("assistant", "Yes."), new("tool", "42"), new("user", "Two?")];

    [Fact]
    public void Render_DecoderOnly_IsATranscript() =>
        Assert.Equal("Be brief.\nUser: One?\nAssistant: Yes.\nTool: 42\nUser: Two?\nAssistant:", PlainChat.Render(Conversation, Model("llama")));

    [Fact]
    public void Render_EncoderDecoder_IsTheLastQuestion() =>
        Assert.Equal("Be brief.\nTwo?", PlainChat.Render(Conversation, Model("t5") with { IsEncoderDecoder = true }));

    [Fact]
    public void Render_WithoutUserMessage_IsRefused()
    {
        AppException e = Assert.Throws<AppException>(() => PlainChat.Render(Conversation[..1], Model("t5")));
        Assert.Equal(FailureCode.InvalidRequest, e.Code);
        Assert.Equal("messages", e.Parameter);
    }

    private static ModelDescription Model(string architecture) => new() { Architecture = architecture, VocabularySize = 1, ContextLength = 1, PromptLength = 1 };
}
