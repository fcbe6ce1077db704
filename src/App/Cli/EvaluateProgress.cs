using System.Globalization;
using LlmService.App.Evaluation;
using Spectre.Console;

namespace LlmService.App.Cli;

/// <summary>Shows on standard error how far a model is: a bar on a terminal, a line for each document in a log.</summary>
internal sealed class EvaluateProgress(ProcessContext context, int cases)
{
    /// <summary>Shows progress while the cases run.</summary>
    /// <param name="model">The model.</param>
    /// <param name="run">Runs the cases, and reports each result.</param>
    public Task<IReadOnlyList<CaseResult>> ShowAsync(string model, Func<Action<CaseResult>, Task<IReadOnlyList<CaseResult>>> run)
    {
        if (!context.IsErrorTerminal)
        {
            int done = 0;
            return run(result => context.Error.WriteLine($"{model}: {++done} of {cases}, {result.Case.Name}: {Outcome(result)}"));
        }
        return Terminal.CreateForProgress(context).Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(bar =>
            {
                ProgressTask task = bar.AddTask(Markup.Escape(model), maxValue: cases);
                return run(_ => task.Increment(1));
            });
    }

    private static string Outcome(CaseResult result) => result.Failure is { } failure
        ? $"{failure.Code.Name}: {failure.Message}"
        : string.Create(CultureInfo.InvariantCulture, $"F1 {result.Comparison.F1:0.00}, {result.Duration.TotalSeconds:0.00} s");
}
