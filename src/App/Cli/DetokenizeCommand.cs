using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LlmService.Tokenizers;

namespace LlmService.App.Cli;

/// <summary><c>detokenize MODEL ID...</c>: the text of token ids.</summary>
internal sealed class DetokenizeCommand
{
    private static readonly char[] Separators = [' ', ',', '\t', '\r', '\n', '[', ']'];

    private readonly ProcessContext _context;
    private readonly Argument<string> _model = new("MODEL") { Description = "demo, a Hub id owner/name[@revision], or a folder; tokenizer files are enough." };
    private readonly Argument<string[]> _ids = new("ID") { Description = "Token ids; - reads standard input.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object." };
    private readonly Option<bool> _skip = new("--skip-special-tokens") { Description = "Leave special tokens out of the text." };

    private DetokenizeCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        DetokenizeCommand detokenize = new(context);
        Command command = new("detokenize", "Shows the text of token ids.") { detokenize._model, detokenize._ids, detokenize._json, detokenize._skip };
        command.SetAction((parsed, _) => detokenize.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        string[] given = parsed.GetValue(_ids)!;
        string text = given is ["-"] ? _context.In.ReadToEnd() : string.Join(' ', given);
        int[] ids = [.. text.Split(Separators, StringSplitOptions.RemoveEmptyEntries).Select(ReadId)];
        AppOptions options = AppOptions.Read(_context, new CommandLineValues { Models = [parsed.GetValue(_model)!] });
        using Interrupt interrupt = new();
        Tokenizer tokenizer = await new TokenizerLoading(options.Hub).LoadAsync(options.Models[0], interrupt.Token);
        string decoded = tokenizer.Decode(ids, parsed.GetValue(_skip) ? SpecialTokens.Skip : SpecialTokens.Include);
        _context.Out.WriteLine(parsed.GetValue(_json) ? JsonOutput.Write(new JsonObject { ["ok"] = true, ["text"] = decoded, ["count"] = ids.Length }) : decoded);
        return 0;
    }

    private static int ReadId(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id
        : throw new AppException(FailureCode.InvalidRequest, $"'{(text.Length <= 40 ? text : text[..40] + "...")}' is not a token id, which is a whole number of 0 or more.") { Parameter = "ID" };
}
