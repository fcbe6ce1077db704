using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Jinja;

namespace LlmService.Benchmarks;

/// <summary><c>fuzz-templates FOLDER [COUNT] [SEED]</c>: throws damaged templates of a folder at the interpreter. Only our own exceptions may come back, and soon.</summary>
internal static class TemplateFuzz
{
    private const string Conversation = """
        {"messages":[{"role":"system","content":"S"},{"role":"user","content":"U <|im_end|> 😀"},{"role":"assistant","content":"<think>t</think>A"},{"role":"user","content":[{"type":"text","text":"P"}]}],
         "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":["integer","null"]}}}}}],
         "add_generation_prompt":true,"bos_token":"<s>","eos_token":"</s>","x":{"y":[1,2.5,null]},"y":"abc"}
        """;

    public static int Run(string[] arguments)
    {
        if (arguments.Length is 0 or > 3)
        {
            Console.Error.WriteLine("fuzz-templates FOLDER [COUNT] [SEED]");
            return 2;
        }

        string[] templates = [.. Directory.EnumerateFiles(arguments[0], "*.jinja").Order(StringComparer.Ordinal).Select(File.ReadAllText)];
        int count = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 200_000;
        int seed = arguments.Length > 2 ? int.Parse(arguments[2], CultureInfo.InvariantCulture) : 1;
        return Run(new TemplateMutator(templates, seed), count, seed);
    }

    private static int Run(TemplateMutator mutator, int count, int seed)
    {
        using JsonDocument json = JsonDocument.Parse(Conversation);
        Dictionary<string, Value> variables = json.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => JsonValues.Read(p.Value));
        (int rendered, int refused, int broken) = (0, 0, 0);
        TimeSpan slowest = TimeSpan.Zero;
        for (int i = 0; i < count; i++)
        {
            string source = mutator.Next();
            long started = Stopwatch.GetTimestamp();
            try
            {
                Template.Parse(source, "t", TemplateLimits.Default).Render(variables, new DateTime(2024, 1, 1), TemplateLimits.Default, default);
                rendered++;
            }
            catch (TemplateException)
            {
                refused++;
            }
            catch (Exception e)
            {
                broken++;
                Console.WriteLine($"{e.GetType().Name}: {e.Message}\n{e.StackTrace}\n--- template {i} of seed {seed}:\n{source}\n---");
            }

            TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
            if (elapsed > slowest) slowest = elapsed;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{count} damaged templates of seed {seed}: {rendered} rendered, {refused} refused, {broken} broke; the slowest took {slowest.TotalSeconds:0.00} s; {GC.GetTotalAllocatedBytes() >> 20} MB allocated, {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MB peak"));
        return broken == 0 ? 0 : 1;
    }
}
