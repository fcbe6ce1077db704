using BenchmarkDotNet.Attributes;
using LlmService.Tokenizers.Chat;

namespace LlmService.Benchmarks;

/// <summary>Parsing and rendering chat templates.</summary>
[InProcess, MemoryDiagnoser]
public class ChatTemplateBenchmarks
{
    private const string ChatMl =
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
        + "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private string _source = "";
    private ChatTemplate _template = null!;
    private ChatTemplateInput _input = null!;

    [GlobalSetup]
    public void Setup()
    {
        _source = ChatMl;
        _template = ChatTemplate.Parse(_source, "chatml");
        _input = new()
        {
            Messages = [.. Enumerable.Range(0, 10).Select(i => new ChatMessage(i % 2 == 0 ? "user" : "assistant", $"Turn {i}: " + string.Concat(Enumerable.Repeat("some words of a conversation ", 10))))],
            AddGenerationPrompt = true,
        };
    }

    /// <summary>Parses a ChatML template.</summary>
    [Benchmark]
    public ChatTemplate Parse() => ChatTemplate.Parse(_source, "chatml");

    /// <summary>Renders ten turns with a parsed ChatML template.</summary>
    [Benchmark]
    public int RenderTenTurns() => _template.Render(_input).Text.Length;
}
