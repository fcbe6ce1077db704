using LlmService.App.Evaluation;

namespace LlmService.App.Cli;

public sealed class EvaluateCsvTests
{
    private const string Header = "rank,model,state,score,parse_rate,precision,recall,f1,exact_matches,cases,errors,mean_seconds,latency_points,load_seconds,code,message\r\n";

    [Fact]
    public void Create_Models_AreOneLineEach()
    {
        EvaluationOutcome outcome = new("built-in", 1, [Results.NotLoaded("b", "No \"b\", sorry."), Results.Evaluated("a", 1.25, "logo")]);
        // F1 2/3; 100 · (1 − ln 1.25 / ln 30) = 93.4393; 30 + 26.6667 + 18.6879 + 10
        Assert.Equal(Header
            + "1,a,evaluated,85.3545,1,1,0.5,0.6667,0,1,0,1.25,93.4393,3,,\r\n"
            + ",b,failed,,,,,,,,,,,,model_not_found,\"No \"\"b\"\", sorry.\"\r\n",
            EvaluateCsv.Create(outcome));
    }

    [Theory]
    [InlineData("plain text", "plain text")]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("say \"a\"", "\"say \"\"a\"\"\"")]
    [InlineData("two\nlines", "\"two\nlines\"")]
    [InlineData("two\rlines", "\"two\rlines\"")]
    public void Create_Field_IsQuotedWhereItMustBe(string message, string expected) =>
        Assert.EndsWith($",{expected}\r\n", EvaluateCsv.Create(new("built-in", 1, [Results.NotLoaded("a", message)])), StringComparison.Ordinal);
}
