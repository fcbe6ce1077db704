using System.Text.Json;
using LlmService.Tokenizers;

namespace LlmService.App.Http.OpenAi;

public sealed class TokenTextsTests
{
    [Fact]
    public void FirstBytes_OfAWordMark_LackTheSpaceThatDecodersDrop()
    {
        Tokenizer tokenizer = Tokenizer.Load(TestData.Fixture("tokenizers", "onnx-flan-t5"));
        TokenTexts texts = new(tokenizer, Fields());
        int word = Enumerable.Range(0, tokenizer.VocabularySize).First(id => tokenizer.IdToToken(id) is ['\u2581', >= 'a' and <= 'z', ..]);
        Assert.Equal((byte)' ', texts.Bytes(word)[0]);
        Assert.Equal(texts.Bytes(word)[1..], texts.FirstBytes(word).ToArray());
        Assert.Equal(' ', texts.Text(word)[0]);
    }

    [Fact]
    public void Text_OfASpecialToken_IsItsName() =>
        Assert.Equal("<end>", new TokenTexts(ByteTokenizer.Create(), Fields()).Text(ByteTokenizer.EndTokenId));

    private static GenerationFields Fields()
    {
        using JsonDocument body = JsonDocument.Parse("""{"model":"m"}""");
        return GenerationFields.Read(new RequestReader(body.RootElement, FieldTable.Completions));
    }
}
