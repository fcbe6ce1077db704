using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LlmService.Tokenizers;
using Spectre.Console;

namespace LlmService.App.Cli;

/// <summary><c>tokenize MODEL TEXT</c>: the tokens of a text; with <c>--jsonl</c> those of many.</summary>
internal sealed class TokenizeCommand
{
    private static readonly string[] Colours = ["black on green", "black on yellow", "black on aqua", "black on fuchsia", "black on grey"];

    private readonly ProcessContext _context;
    private readonly Argument<string> _model = new("MODEL") { Description = "demo, a Hub id owner/name[@revision], or a folder; tokenizer files are enough." };
    private readonly Argument<string?> _text = new("TEXT") { Description = "The text; - reads standard input.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object." };
    private readonly Option<bool> _lines = new("--jsonl") { Description = "Read JSON Lines {\"text\", \"add_special_tokens\"?, \"pair\"?} from standard input and write one line for each." };
    private readonly Option<bool> _plain = new("--no-special-tokens") { Description = "Leave out the special tokens that the model expects around a text." };

    private TokenizeCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        TokenizeCommand tokenize = new(context);
        Command command = new("tokenize", "Shows the tokens of a text.") { tokenize._model, tokenize._text, tokenize._json, tokenize._lines, tokenize._plain };
        command.SetAction((parsed, _) => tokenize.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        string? given = parsed.GetValue(_text);
        bool lines = parsed.GetValue(_lines);
        if (lines == given is not null)
        {
            throw new AppException(FailureCode.InvalidRequest, lines ? "With --jsonl the texts come from standard input; leave TEXT out." : "TEXT is missing.")
            {
                Parameter = "TEXT",
                Remedy = "Write a text, - for standard input, or --jsonl for many texts.",
            };
        }
        AppOptions options = AppOptions.Read(_context, new CommandLineValues { Models = [parsed.GetValue(_model)!] });
        using Interrupt interrupt = new();
        Tokenizer tokenizer = await new TokenizerLoading(options.Hub).LoadAsync(options.Models[0], interrupt.Token);
        if (lines)
            return JsonLines.Run(_context.In, _context.Out, new TokenizeLines(tokenizer).Answer, interrupt.Token);
        string text = given == "-" ? _context.In.ReadToEnd() : given!;
        Encoding encoding = tokenizer.Encode(text, parsed.GetValue(_plain) ? SpecialTokens.Skip : SpecialTokens.Include);
        if (parsed.GetValue(_json))
            _context.Out.WriteLine(JsonOutput.Write(ToJson(encoding, text)));
        else
            Show(encoding, text);
        return 0;
    }

    private static JsonObject ToJson(Encoding encoding, string text) => new()
    {
        ["ok"] = true,
        ["count"] = encoding.Count,
        ["ids"] = new JsonArray([.. encoding.Ids.Select(id => (JsonNode)id)]),
        ["tokens"] = new JsonArray([.. encoding.Tokens.Select(token => (JsonNode)token)]),
        ["offsets"] = new JsonArray([.. encoding.CodePointOffsets(text).Select(range => new JsonArray(range.Start, range.End))]),
    };

    private void Show(Encoding encoding, string text)
    {
        IAnsiConsole console = Terminal.Create(_context);
        if (_context.IsTerminal && encoding.Count > 0)
            console.MarkupLine(string.Concat(encoding.Tokens.Select((token, i) => $"[{(encoding.SpecialTokensMask[i] ? "dim" : Colours[i % Colours.Length])}]{Markup.Escape(token)}[/]")));
        IReadOnlyList<TextRange> offsets = encoding.CodePointOffsets(text);
        for (int i = 0; i < encoding.Count; i++)
        {
            string place = string.Create(CultureInfo.InvariantCulture, $"{offsets[i].Start}-{offsets[i].End}");
            _context.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{encoding.Ids[i],8}  {place,-12}  {Visible(encoding.Tokens[i])}"));
        }
        _context.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{encoding.Count} tokens"));
    }

    // A token may hold line ends and other characters that a terminal would obey.
    private static string Visible(string token) => string.Concat(token.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));
}
