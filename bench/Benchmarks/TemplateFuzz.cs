using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Jinja;

namespace LlmService.Benchmarks;

/// <summary><c>fuzz-templates FOLDER [COUNT] [SEED] [FIRST]</c>: throws damaged templates of a folder at the interpreter. Only our own exceptions may come back, and soon.
/// Each mutation depends on the seed and its number only: COUNT 1 and its number as FIRST run it again and show it.</summary>
internal static class TemplateFuzz
{
    private const string Conversation = """
        {"messages":[{"role":"system","content":"S"},{"role":"user","content":"U <|im_end|> 😀"},{"role":"assistant","content":"<think>t</think>A"},{"role":"user","content":[{"type":"text","text":"P"}]}],
         "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":["integer","null"]}}}}}],
         "add_generation_prompt":true,"bos_token":"<s>","eos_token":"</s>","x":{"y":[1,2.5,null]},"y":"abc"}
        """;

    public static int Run(string[] arguments)
    {
        if (arguments.Length is 0 or > 4)
        {
            Console.Error.WriteLine("fuzz-templates FOLDER [COUNT] [SEED] [FIRST]");
            return 2;
        }

        string[] templates = [.. Directory.EnumerateFiles(arguments[0], "*.jinja").Order(StringComparer.Ordinal).Select(File.ReadAllText)];
        int Number(int index, int absent) => arguments.Length > index ? int.Parse(arguments[index], CultureInfo.InvariantCulture) : absent;
        return Run(templates, Number(1, 200_000), Number(2, 1), Number(3, 0));
    }

    private static int Run(string[] templates, int count, int seed, int first)
    {
        using JsonDocument json = JsonDocument.Parse(Conversation);
        Dictionary<string, Value> variables = json.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => JsonValues.Read(p.Value));
        (int rendered, int refused, int broken) = (0, 0, 0);
        SlowMutations slow = new();
        for (int i = first; i < first + count; i++)
        {
            string source = new TemplateMutator(templates, unchecked(seed * 1_000_003 + i)).Next();
            if (count == 1) Console.WriteLine(source);
            slow.Measure(i, $"{source.Length} characters", () =>
            {
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
            });
        }

        slow.Report();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{count} damaged templates of seed {seed}: {rendered} rendered, {refused} refused, {broken} broke; {GC.GetTotalAllocatedBytes() >> 20} MB allocated, {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MB peak"));
        return broken == 0 ? 0 : 1;
    }
}
