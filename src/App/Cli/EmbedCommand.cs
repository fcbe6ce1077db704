using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LlmService.Inference;
using LlmService.Inference.Embeddings;
using LlmService.Inference.Kernels;

namespace LlmService.App.Cli;

/// <summary><c>embed MODEL TEXT...</c>: vectors of texts, one a line; without texts, of the lines of standard input.</summary>
internal sealed class EmbedCommand
{
    // Lines that are computed together.
    private const int Lines = 256;

    private readonly ProcessContext _context;
    private readonly Argument<string> _model = new("MODEL") { Description = "A Hub id owner/name[@revision], or a folder, of a model for embeddings." };
    private readonly Argument<string[]> _texts = new("TEXT") { Description = "The texts; none, or -, reads standard input, where every line is a text.", Arity = ArgumentArity.ZeroOrMore };
    private readonly EngineSettings _engine = new();
    private readonly Option<int?> _dimensions = new("--dimensions") { Description = "Only the first N numbers, brought to length 1 again.", HelpName = "N" };
    private readonly Option<string?> _prompt = new("--prompt-name") { Description = "The model's prompt to put before each text, such as query; by default the one that its repository sets, if any.", HelpName = "NAME" };
    private readonly Option<bool> _truncate = new("--truncate") { Description = "Cut off the end of texts that are too long for the model, in place of an error." };
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object instead of lines of numbers." };

    private EmbedCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        EmbedCommand embed = new(context);
        Command command = new("embed", "Writes the vectors of texts, one a line.") { embed._model, embed._texts, embed._dimensions, embed._prompt, embed._truncate, embed._json };
        embed._engine.AddTo(command);
        command.SetAction((parsed, _) => embed.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        AppOptions options = AppOptions.Read(_context, _engine.Read(parsed, [parsed.GetValue(_model)!]));
        using Interrupt interrupt = new();
        using WorkerPool workers = new(options.Threads);
        ModelLoading loading = new(options, workers, _context.Error, DownloadReport.To(_context));
        await using LlmEngine engine = await loading.LoadAsync(options.Models[0], _ => { }, interrupt.Token);
        EncoderEngine encoder = engine.Encoder is { ScoreCount: 0, Texts.HasTokenizer: true } vectors ? vectors : throw new AppException(FailureCode.InvalidRequest, $"The model '{options.Models[0].Text}' makes no vectors of texts.")
        {
            Parameter = "MODEL",
            Remedy = "Name a model for embeddings that has a tokenizer, such as sentence-transformers/all-MiniLM-L6-v2.",
        };
        int width = parsed.GetValue(_dimensions) ?? encoder.Width;
        if (width < 1 || width > encoder.Width)
            throw new AppException(FailureCode.InvalidRequest, $"--dimensions must be from 1 to {encoder.Width}, the width of this model's vectors, not {width}.") { Parameter = "dimensions" };
        int? cutTo = parsed.GetValue(_truncate) ? encoder.Texts.MaxTokens : null;
        string? prompt = parsed.GetValue(_prompt);
        long started = _context.TimeProvider.GetTimestamp();
        EmbeddedTexts written = new(parsed.GetValue(_json) ? null : _context.Out);
        foreach (string[] batch in Texts(parsed.GetValue(_texts) ?? []).Chunk(Lines))
        {
            EncoderText[] texts = [.. batch.Select((text, i) => encoder.Texts.Text(text, prompt, cutTo) with { Name = $"The text {written.Count + i + 1}" })];
            written.Add(texts, Array.ConvertAll(await encoder.EmbedAsync(texts, interrupt.Token), vector => EncoderEngine.Shorten(vector, width)));
        }
        if (parsed.GetValue(_json))
            _context.Out.WriteLine(JsonLines.Write(json => written.Write(json, options.Models[0].Id)));
        _context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"[{written.Count} texts, {written.Cut} of them cut, {written.Tokens} tokens, {width} numbers each, {_context.TimeProvider.GetElapsedTime(started).TotalMilliseconds:0} ms]"));
        return 0;
    }

    private IEnumerable<string> Texts(string[] given)
    {
        if (given is not ([] or ["-"]))
        {
            foreach (string text in given)
                yield return text;
            yield break;
        }
        while (_context.In.ReadLine() is { } line)
            yield return line;
    }

    /// <summary>What was embedded so far: lines are written at once, a JSON object at the end.</summary>
    /// <param name="lines">Where lines go; null keeps the vectors for an object.</param>
    private sealed class EmbeddedTexts(TextWriter? lines)
    {
        private readonly List<(EncoderText Text, float[] Vector)> _kept = [];

        public int Count { get; private set; }

        public int Cut { get; private set; }

        public long Tokens { get; private set; }

        public void Add(EncoderText[] texts, float[][] vectors)
        {
            Count += texts.Length;
            Cut += texts.Count(text => text.IsCut);
            Tokens += texts.Sum(text => (long)text.Ids.Count);
            if (lines is null)
            {
                _kept.AddRange(texts.Zip(vectors));
                return;
            }
            foreach (float[] vector in vectors)
                lines.WriteLine(string.Join(' ', vector.Select(value => value.ToString("R", CultureInfo.InvariantCulture))));
            lines.Flush();
        }

        public void Write(Utf8JsonWriter json, string model)
        {
            json.WriteBoolean("ok", true);
            json.WriteString("model", model);
            json.WriteStartArray("embeddings");
            foreach ((EncoderText text, float[] vector) in _kept)
            {
                json.WriteStartObject();
                json.WriteNumber("tokens", text.Ids.Count);
                json.WriteBoolean("truncated", text.IsCut);
                json.WriteStartArray("embedding");
                foreach (float value in vector)
                    json.WriteNumberValue(value);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartObject("usage");
            json.WriteNumber("prompt_tokens", Tokens);
            json.WriteNumber("total_tokens", Tokens);
            json.WriteEndObject();
        }
    }
}
