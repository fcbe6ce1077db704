using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.ExceptionServices;
using System.Text;

[assembly: AssemblyFixture(typeof(LlmService.SecretWatch))]

namespace LlmService;

/// <summary>Secrets that tests made, texts that the program wrote, and whether one is in the other.</summary>
internal sealed class SecretRecord
{
    private readonly ConcurrentDictionary<string, bool> _secrets = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _texts = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<StringWriter> _writers = [];

    public void AddSecret(string secret) => _secrets[secret] = true;

    public void AddText(string text) => _texts[text] = true;

    public void AddWriter(StringWriter writer) => _writers.Enqueue(writer);

    /// <summary>The texts that hold a secret, with the secret blotted out.</summary>
    public IReadOnlyList<string> FindLeaks()
    {
        string[] texts = [.. _texts.Keys, .. _writers.Select(writer => writer.ToString())];
        return [.. texts.SelectMany(text => _secrets.Keys
            .Where(secret => text.Contains(secret, StringComparison.Ordinal) || text.Contains(Uri.EscapeDataString(secret), StringComparison.Ordinal))
            .Select(secret => text.Replace(secret, "<<secret>>", StringComparison.Ordinal)))];
    }
}

/// <summary>Greps everything that a whole suite made the program write: every exception that was thrown, the console, metrics, and what
/// tests hand in: outputs of commands, bodies and addresses of HTTP. A secret in any of it fails the run at its end.</summary>
public sealed class SecretWatch : IDisposable
{
    private static readonly SecretRecord Suite = new();

    private readonly MeterListener _meters = new();
    private readonly TextWriter _out = Console.Out;
    private readonly TextWriter _error = Console.Error;

    public SecretWatch()
    {
        AppDomain.CurrentDomain.FirstChanceException += OnThrown;
        Console.SetOut(new Tee(_out));
        Console.SetError(new Tee(_error));
        _meters.InstrumentPublished = (instrument, listener) => listener.EnableMeasurementEvents(instrument);
        _meters.SetMeasurementEventCallback<long>(OnMeasured);
        _meters.SetMeasurementEventCallback<int>(OnMeasured);
        _meters.SetMeasurementEventCallback<double>(OnMeasured);
        _meters.Start();
    }

    /// <summary>Makes a token for a test, in the form of a real one. It is put together here, so that no file holds anything that looks like a secret.</summary>
    public static string Make(char fill) => Make(new string(fill, 34));

    /// <summary>Makes a token for a test.</summary>
    public static string Make(string letters)
    {
        string secret = string.Concat("h", "f_", letters);
        Suite.AddSecret(secret);
        return secret;
    }

    /// <summary>A writer for the output of a command.</summary>
    public static StringWriter Writer()
    {
        StringWriter writer = new();
        Suite.AddWriter(writer);
        return writer;
    }

    /// <summary>Hands in a text that the program made.</summary>
    public static void Record(string? text)
    {
        if (!string.IsNullOrEmpty(text))
            Suite.AddText(text);
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.FirstChanceException -= OnThrown;
        Console.SetOut(_out);
        Console.SetError(_error);
        _meters.Dispose();
        Assert.Empty(Suite.FindLeaks());
    }

    private static void OnThrown(object? sender, FirstChanceExceptionEventArgs thrown)
    {
        // What a failing assertion quotes is the test's own.
        if (thrown.Exception is not Xunit.Sdk.IAssertionException)
            Record(thrown.Exception.ToString());
    }

    private static void OnMeasured<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
            Record($"{instrument.Name} {tag.Key}={tag.Value}");
    }

    private sealed class Tee(TextWriter inner) : TextWriter
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => inner.Write(value);

        public override void Write(string? value)
        {
            Record(value);
            inner.Write(value);
        }

        public override void WriteLine(string? value)
        {
            Record(value);
            inner.WriteLine(value);
        }

        public override void Write(char[] buffer, int index, int count)
        {
            Record(new string(buffer, index, count));
            inner.Write(buffer, index, count);
        }

        public override void Flush() => inner.Flush();
    }
}
