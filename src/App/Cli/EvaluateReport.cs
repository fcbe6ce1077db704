using System.Globalization;
using LlmService.App.Evaluation;
using Spectre.Console;

namespace LlmService.App.Cli;

/// <summary>The table of an evaluation.</summary>
internal sealed class EvaluateReport(EvaluationOutcome outcome, IAnsiConsole console)
{
    private static readonly string[] NumberColumns = ["Score", "Parsed", "Prec.", "Recall", "F1", "Exact", "s/doc", "Errors"];

    public void Write(bool details)
    {
        console.WriteLine();
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[bold]Evaluation on {outcome.CaseCount} documents ({outcome.CaseSource})[/]");
        if (details)
        {
            foreach (ModelEvaluation model in outcome.Ranking.All.Where(m => m.Results.Count > 0))
                WriteDocuments(model);
        }
        console.WriteLine();
        console.Write(CreateTable());
        foreach (ModelEvaluation model in outcome.Ranking.All.Where(m => m.State != EvaluationState.Evaluated))
            console.MarkupLineInterpolated($"{model.Model}: {Remark(model)}");
        foreach (string note in outcome.Notes)
            console.MarkupLineInterpolated($"[yellow]Note:[/] {note}");
        if (outcome.Ranking.Recommendation is { } recommendation)
            console.MarkupLineInterpolated($"[bold]Recommendation: {recommendation.Model ?? "none"}.[/] {recommendation.Reason}");
    }

    private Table CreateTable()
    {
        // Without lines eighty columns hold the numbers and a long name.
        Table table = new() { Border = TableBorder.None };
        table.AddColumn(new TableColumn("#").RightAligned());
        table.AddColumn("Model");
        foreach (string column in NumberColumns)
            table.AddColumn(new TableColumn(column).RightAligned().NoWrap());
        foreach (ModelEvaluation model in outcome.Ranking.All)
        {
            string place = outcome.Ranking.PlaceOf(model) is { } known ? Number(known, "0") : "-";
            IEnumerable<string> numbers = model.Scores is { } scores ? Numbers(scores) : NumberColumns.Select(_ => "-");
            table.AddRow([.. numbers.Prepend(model.Model).Prepend(place).Select(cell => new Text(cell))]);
        }
        return table;
    }

    private static string[] Numbers(Scores scores) =>
    [
        Number(scores.Score, "0.0"),
        Percent(scores.ParseRate),
        Number(scores.Precision, "0.00"),
        Number(scores.Recall, "0.00"),
        Number(scores.F1, "0.00"),
        $"{scores.ExactMatches}/{scores.Cases}",
        scores.MeanTime is { } time ? Number(time.TotalSeconds, "0.00") : "-",
        $"{scores.Errors}/{scores.Cases}",
    ];

    private static string Remark(ModelEvaluation model) => model switch
    {
        { Failure: { } failure } => $"{failure.Code.Name}: {failure.Message}",
        { State: EvaluationState.Interrupted, Results.Count: 0 } => "interrupted before it began",
        _ => "interrupted; the numbers are those until then",
    };

    private void WriteDocuments(ModelEvaluation model)
    {
        console.WriteLine();
        console.MarkupLineInterpolated($"[bold]{model.Model}[/]");
        foreach (CaseResult result in model.Results)
        {
            if (result.Failure is { } failure)
            {
                console.MarkupLineInterpolated($"  {result.Case.Name}: [red]{failure.Code.Name}[/]: {failure.Message}");
                continue;
            }
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
                $"  {result.Case.Name}: F1 {result.Comparison.F1:0.00}, {result.Duration.TotalSeconds:0.00} s{(result.IsList ? "" : ", the answer is no list")}");
            WriteTags("expected", result.Case.Tags);
            WriteTags("found", [.. result.Comparison.Matched.Select(m => m.Expected == m.Tag ? m.Tag : $"{m.Expected} (as {m.Tag})")]);
            WriteTags("missing", result.Comparison.Missing);
            WriteTags("extra", result.Comparison.Extra);
        }
    }

    private void WriteTags(string title, IReadOnlyList<string> tags) =>
        console.MarkupLineInterpolated($"    {title,-9}{(tags.Count > 0 ? string.Join(", ", tags) : "-")}");

    private static string Percent(double part) => Number(100 * part, "0") + " %";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
