using System.Text.Json;
using LlmService.Tokenizers.Jinja;

namespace LlmService.Tokenizers.Chat;

/// <summary>How a model wants conversations written: the Jinja template, or the several named ones, of its repository. Immutable; safe for concurrent use.</summary>
/// <remarks>
/// Templates have the semantics that the reference gives them: Jinja in its sandbox, with block trimming, loop controls,
/// <c>generation</c> blocks, <c>raise_exception</c>, <c>strftime_now</c> and the reference's <c>tojson</c>. They are not trusted:
/// steps, nesting, output and memory are bounded, and nothing but their variables is in their reach.
/// </remarks>
public sealed class ChatTemplate
{
    private const string ToolTemplate = "tool_use";
    private static readonly string[] Reserved = ["messages", "tools", "documents", "add_generation_prompt"];

    private readonly IReadOnlyDictionary<string, Template> _templates;
    private readonly IReadOnlyDictionary<string, Value> _specialTokens;
    private readonly Lazy<ChatTemplateAbilities> _abilities;

    private ChatTemplate(IReadOnlyDictionary<string, Template> templates, IReadOnlyDictionary<string, Value> specialTokens)
    {
        _templates = templates;
        _specialTokens = specialTokens;
        _abilities = new(() => TemplateProbes.Ask(this));
    }

    /// <summary>The names of the templates; <c>default</c> is the one for ordinary conversations.</summary>
    public IEnumerable<string> Names => _templates.Keys;

    /// <summary>What the template can do, as found by rendering small conversations.</summary>
    public ChatTemplateAbilities Abilities => _abilities.Value;

    /// <summary>Reads the template of a model folder, with its special tokens; null when it has none.</summary>
    /// <exception cref="TemplateException">It does not compile.</exception>
    /// <exception cref="TokenizerException">A file is damaged.</exception>
    public static ChatTemplate? Load(string modelFolder)
    {
        ArgumentNullException.ThrowIfNull(modelFolder);
        IReadOnlyList<ChatTemplateSource> sources = ChatTemplateSources.Find(modelFolder);
        if (sources.Count == 0) return null;
        Dictionary<string, Template> templates = new(StringComparer.Ordinal);
        foreach (ChatTemplateSource source in sources) templates[source.Name] = Template.Parse(source.Text, source.Place, TemplateLimits.Default);
        return new ChatTemplate(templates, SpecialTokenVariables.Load(modelFolder));
    }

    /// <summary>Parses a template from memory.</summary>
    /// <param name="source">The text of the template.</param>
    /// <param name="name">What it is called in messages.</param>
    /// <param name="specialTokens">Variables such as <c>bos_token</c>; null for none.</param>
    /// <exception cref="TemplateException">It does not compile.</exception>
    public static ChatTemplate Parse(string source, string name, IReadOnlyDictionary<string, string>? specialTokens = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return Parse(new Dictionary<string, string> { [ChatTemplateSources.Default] = source }, name, specialTokens);
    }

    /// <summary>Parses several templates from memory.</summary>
    /// <param name="sources">The texts by name; <c>default</c> is the one for ordinary conversations, <c>tool_use</c> the one for those with tools.</param>
    /// <param name="place">Where they come from, for messages.</param>
    /// <param name="specialTokens">Variables such as <c>bos_token</c>; null for none.</param>
    /// <exception cref="TemplateException">One does not compile.</exception>
    public static ChatTemplate Parse(IReadOnlyDictionary<string, string> sources, string place, IReadOnlyDictionary<string, string>? specialTokens = null)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(place);
        Dictionary<string, Template> templates = sources.ToDictionary(
            s => s.Key, s => Template.Parse(s.Value, s.Key == ChatTemplateSources.Default ? place : $"{place} ({s.Key})", TemplateLimits.Default));
        return new ChatTemplate(templates, specialTokens?.ToDictionary(t => t.Key, Value (t) => new StringValue(t.Value)) ?? []);
    }

    /// <summary>Renders a conversation.</summary>
    /// <exception cref="TemplateException">The template does not accept it, or is at fault.</exception>
    /// <exception cref="ArgumentException">The input contradicts itself.</exception>
    public RenderedChat Render(ChatTemplateInput input, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input is { AddGenerationPrompt: true, ContinueFinalMessage: true })
            throw new ArgumentException("A message cannot be continued with the beginning of another one: ask for a generation prompt or for a continuation.", nameof(input));
        Template template = Choose(input.TemplateName, input.Tools is not null);
        StringValue text = Render(template, Variables(input), input.Now, cancellationToken);
        if (input.ContinueFinalMessage) text = FinalMessage.CutBehind(text, input.Messages, template.Name);
        return ToChat(text);
    }

    /// <summary>Renders with these variables, the special tokens that they do not name, and nothing else: a name that is absent is undefined.</summary>
    /// <param name="now">The local time that templates may print; null for now.</param>
    /// <exception cref="TemplateException">The template does not accept them, or is at fault.</exception>
    public RenderedChat Render(IReadOnlyDictionary<string, JsonElement> variables, DateTime? now = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(variables);
        Dictionary<string, Value> values = new(_specialTokens, StringComparer.Ordinal);
        foreach ((string name, JsonElement value) in variables)
            values[name] = name == "messages" && IsMessages(value) ? new ListValue([.. ChatMessage.ListFromJson(value).Select(m => m.Fields)]) : JsonValues.Read(value);
        bool hasTools = values.TryGetValue("tools", out Value? tools) && tools is not NoneValue;
        return ToChat(Render(Choose(null, hasTools), values, now, cancellationToken));
    }

    /// <summary>Whether the text of the default template has a word.</summary>
    internal bool Mentions(string word) => _templates.TryGetValue(ChatTemplateSources.Default, out Template? template) && template.Mentions(word);

    private static StringValue Render(Template template, Dictionary<string, Value> variables, DateTime? now, CancellationToken cancellationToken) =>
        template.Render(variables, now ?? TimeProvider.System.GetLocalNow().DateTime, TemplateLimits.Default, cancellationToken);

    private static bool IsMessages(JsonElement json) => json.ValueKind == JsonValueKind.Array && json.EnumerateArray().All(m => m.ValueKind == JsonValueKind.Object);

    /// <summary>The named one; else the one for tools when there are tools; else the default.</summary>
    private Template Choose(string? name, bool hasTools)
    {
        if (name is not null)
            return _templates.GetValueOrDefault(name) ?? throw new ArgumentException($"There is no chat template '{name}'; there are: {string.Join(", ", Names)}.", nameof(name));
        if (hasTools && _templates.TryGetValue(ToolTemplate, out Template? forTools)) return forTools;
        return _templates.GetValueOrDefault(ChatTemplateSources.Default)
            ?? throw new ArgumentException($"None of the chat templates is the default; name one of: {string.Join(", ", Names)}.", nameof(name));
    }

    private Dictionary<string, Value> Variables(ChatTemplateInput input)
    {
        Dictionary<string, Value> variables = new(_specialTokens, StringComparer.Ordinal);
        foreach ((string name, JsonElement value) in input.Variables)
        {
            if (Reserved.Contains(name)) throw new ArgumentException($"The variable '{name}' has a property of its own.", nameof(input));
            variables[name] = JsonValues.Read(value);
        }

        variables["messages"] = new ListValue([.. input.Messages.Select(m => m.Fields)]);
        variables["tools"] = input.Tools is { } tools ? JsonValues.Read(tools) : NoneValue.Instance;
        variables["documents"] = input.Documents is { } documents ? JsonValues.Read(documents) : NoneValue.Instance;
        if (input.AddGenerationPrompt is { } add) variables["add_generation_prompt"] = BoolValue.Of(add);
        return variables;
    }

    private static RenderedChat ToChat(StringValue text)
    {
        TextRange[] ranges = new TextRange[text.Data?.Count ?? 0];
        for (int i = 0; i < ranges.Length; i++) ranges[i] = text.Data![i, text.Text.Length];
        return new RenderedChat(text.Text, ranges);
    }
}
