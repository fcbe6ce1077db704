using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.Benchmarks.Load;

/// <summary>
/// <c>load ADDRESS [--streams 1,4,16,64] [--requests N] [--tokens N] [--prompt N] [--model NAME] [--output FILE]</c>: answers streamed by a running <c>serve</c>, several at the same
/// time, and a table of how long the first token and every other one took. Every stream makes N requests, one after the other.
/// </summary>
internal sealed class LoadGenerator : IDisposable
{
    private const int LeastId = 3, Ids = 1000;
    private static readonly double[] Shares = [0.50, 0.95, 0.99];

    private readonly HttpClient _client;
    private readonly int _requests, _tokens, _prompt;
    private string _model = "";

    private LoadGenerator(Options options)
    {
        // A stream is a connection, and the slowest one may take long.
        _client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue }) { BaseAddress = new Uri(options.Places[0]), Timeout = Timeout.InfiniteTimeSpan };
        (_requests, _tokens, _prompt) = (options.Number("--requests", 2), options.Number("--tokens", 64), options.Number("--prompt", 32));
    }

    public static async Task<int> RunAsync(string[] args)
    {
        Options options = new(args);
        if (options.Places.Length != 1 || !Uri.TryCreate(options.Places[0], UriKind.Absolute, out _))
        {
            Console.Error.WriteLine("load ADDRESS [--streams 1,4,16,64] [--requests N] [--tokens N] [--prompt N] [--model NAME] [--output FILE]; ADDRESS is that of a running serve, such as http://127.0.0.1:3001");
            return 2;
        }
        using LoadGenerator generator = new(options);
        try
        {
            string page = await generator.WriteAsync(options);
            Console.WriteLine(page);
            if (options.Text("--output") is { } output)
                await File.WriteAllTextAsync(output, page);
            return 0;
        }
        catch (HttpRequestException e)
        {
            Console.Error.WriteLine($"{options.Places[0]} does not answer as a service does: {e.Message}");
            return 1;
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task<string> WriteAsync(Options options)
    {
        int[] counts = [.. (options.Text("--streams") ?? "1,4,16,64").Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        _model = options.Text("--model") ?? await ModelAsync();
        await StreamAsync(0, Stopwatch.GetTimestamp());
        StringBuilder page = new();
        page.AppendLine(CultureInfo.InvariantCulture, $"{_model}; {MachineLimits.Processor}; prompts of {_prompt} tokens, {_tokens} new ones, {_requests} requests a stream. Milliseconds.").AppendLine();
        page.AppendLine("| streams | tokens a second | first token p50 | p95 | p99 | next token p50 | p95 | p99 | longest pause | slowest stream, tokens a second | fastest |");
        page.AppendLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (int streams in counts)
        {
            long started = Stopwatch.GetTimestamp();
            StreamTimes[][] all = await Task.WhenAll(Enumerable.Range(0, streams).Select(stream => RequestsAsync(stream)));
            page.AppendLine(Row(streams, [.. all.SelectMany(times => times)], Stopwatch.GetElapsedTime(started).TotalSeconds));
            Console.Error.WriteLine($"{streams} streams are done");
        }
        return page.ToString();
    }

    private async Task<string> ModelAsync()
    {
        JsonNode? models = await _client.GetFromJsonAsync<JsonNode>("/v1/models");
        return models?["data"]?[0]?["id"]?.GetValue<string>() ?? throw new HttpRequestException("it lists no model");
    }

    private async Task<StreamTimes[]> RequestsAsync(int stream)
    {
        StreamTimes[] times = new StreamTimes[_requests];
        for (int i = 0; i < times.Length; i++)
            times[i] = await StreamAsync(stream, Stopwatch.GetTimestamp());
        return times;
    }

    private async Task<StreamTimes> StreamAsync(int stream, long started)
    {
        JsonObject body = new()
        {
            ["model"] = _model,
            ["prompt"] = new JsonArray([.. Enumerable.Range(0, _prompt).Select(i => JsonValue.Create(LeastId + (i * 37 + stream) % Ids))]),
            ["max_tokens"] = _tokens,
            ["ignore_eos"] = true,
            ["temperature"] = 0,
            ["stream"] = true,
            ["return_token_ids"] = true,
        };
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(body) };
        using HttpResponseMessage response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (!response.IsSuccessStatusCode)
            throw new HttpRequestException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync());
        List<double> times = new(_tokens);
        while (await reader.ReadLineAsync() is { } line)
        {
            for (int i = TokensIn(line); i > 0; i--)
                times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        return times.Count > 1 ? new StreamTimes(stream, [.. times]) : throw new HttpRequestException("an answer had fewer than two tokens");
    }

    private static int TokensIn(string line)
    {
        const string Data = "data: ";
        if (!line.StartsWith(Data + "{", StringComparison.Ordinal))
            return 0;
        using JsonDocument chunk = JsonDocument.Parse(line[Data.Length..]);
        if (chunk.RootElement.TryGetProperty("error", out JsonElement error))
            throw new HttpRequestException(error.ToString());
        JsonElement choices = chunk.RootElement.GetProperty("choices");
        return choices.GetArrayLength() > 0 && choices[0].TryGetProperty("token_ids", out JsonElement ids) && ids.ValueKind == JsonValueKind.Array ? ids.GetArrayLength() : 0;
    }

    private static string Row(int streams, StreamTimes[] all, double seconds)
    {
        double[] firsts = [.. all.Select(times => times.First).Order()], pauses = [.. all.SelectMany(times => times.Pauses).Order()];
        double[] rates = [.. all.Select(times => times.Rate).Order()];
        string Percentiles(double[] values) => string.Join(" | ", Shares.Select(share => Milliseconds(Percentile(values, share))));
        return string.Create(CultureInfo.InvariantCulture,
            $"| {streams} | {all.Sum(times => times.Tokens.Length) / seconds:0.0} | {Percentiles(firsts)} | {Percentiles(pauses)} | {Milliseconds(pauses[^1])} | {rates[0]:0.0} | {rates[^1]:0.0} |");
    }

    private static string Milliseconds(double seconds) => (seconds * 1000).ToString("0.0", CultureInfo.InvariantCulture);

    /// <summary>The least value that at least this share of all does not exceed.</summary>
    private static double Percentile(double[] ordered, double share) => ordered[Math.Clamp((int)Math.Ceiling(share * ordered.Length) - 1, 0, ordered.Length - 1)];
}
