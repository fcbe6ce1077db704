using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace LlmService.Benchmarks.Comparison;

/// <summary>What an engine reached in a piece of work: the rates of the rounds in order, none when it is absent.</summary>
internal sealed record ComparisonRow(string Model, string Work, string Engine, string? Version, string? Absent, double[] Rates)
{
    public double Median => Rates.Length % 2 == 1 ? Rates[Rates.Length / 2] : (Rates[Rates.Length / 2 - 1] + Rates[Rates.Length / 2]) / 2;

    public override string ToString() => Rates.Length == 0
        ? $"{Model}, {Work}, {Engine}: absent: {Absent}"
        : string.Create(CultureInfo.InvariantCulture, $"{Model}, {Work}, {Engine}: {Median:0.0} [{Rates[0]:0.0} .. {Rates[^1]:0.0}]");
}

/// <summary>The comparison as a page of Markdown.</summary>
internal static class ComparisonReport
{
    public static string Write(List<ComparisonRow> rows, List<MachineLimits> limits, int threads, int rounds)
    {
        StringBuilder page = new();
        page.AppendLine(CultureInfo.InvariantCulture, $"{MachineLimits.Processor}; {RuntimeInformation.FrameworkDescription}; {threads} threads; {DateTime.UtcNow:d MMMM yyyy}.");
        page.AppendLine(CultureInfo.InvariantCulture, $"Tokens a second, medians of {rounds} rounds with the least and the most; all engines in turns, in one run.").AppendLine();
        page.AppendLine("The machine in this run, before each model and at the end:").AppendLine();
        foreach (MachineLimits limit in limits)
            page.AppendLine(CultureInfo.InvariantCulture, $"- {limit}");
        foreach (IGrouping<string, ComparisonRow> model in rows.GroupBy(row => row.Model))
            WriteModel(page, [.. model]);
        return page.ToString();
    }

    private static void WriteModel(StringBuilder page, ComparisonRow[] rows)
    {
        string[] ours = [.. rows.Select(row => row.Engine).Where(engine => engine.StartsWith("ours", StringComparison.Ordinal)).Distinct()];
        page.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"## {rows[0].Model}").AppendLine();
        foreach (ComparisonRow row in rows.DistinctBy(row => row.Engine))
            page.AppendLine($"- {row.Engine}: {row.Version ?? "absent: " + row.Absent}");
        page.AppendLine().AppendLine($"| work | engine | median | least | most |{string.Concat(ours.Select(engine => $" {engine} is |"))}");
        page.AppendLine($"| --- | --- | --- | --- | --- |{string.Concat(ours.Select(_ => " --- |"))}");
        foreach (ComparisonRow row in rows)
            page.AppendLine(Line(row, [.. ours.Select(engine => rows.Single(other => other.Work == row.Work && other.Engine == engine))]));
    }

    private static string Line(ComparisonRow row, ComparisonRow[] ours)
    {
        if (row.Rates.Length == 0)
            return $"| {row.Work} | {row.Engine} | absent: {row.Absent} | | |{string.Concat(ours.Select(_ => " |"))}";
        string ratios = string.Concat(ours.Select(own => own == row || own.Rates.Length == 0 ? " |" : string.Create(CultureInfo.InvariantCulture, $" {own.Median / row.Median:0.00}x |")));
        return string.Create(CultureInfo.InvariantCulture, $"| {row.Work} | {row.Engine} | {row.Median:0.0} | {row.Rates[0]:0.0} | {row.Rates[^1]:0.0} |{ratios}");
    }
}
