using LlmService.Tokenizers.Decoders;
using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Normalizers;
using LlmService.Tokenizers.PostProcessors;
using LlmService.Tokenizers.PreTokenizers;

namespace LlmService.Tokenizers.Conversion;

/// <summary>The parts of a tokenizer while they are put together from other files.</summary>
internal sealed class ConvertedTokenizer(RepositorySettings settings, Model model)
{
    private readonly List<AddedToken> _added = [];
    private AddedVocabulary? _vocabulary;

    public Normalizer? Normalizer { get; init; }

    public PreTokenizer? PreTokenizer { get; init; }

    public Decoder Decoder { get; init; } = new SpacedDecoder();

    /// <summary>The special tokens of the class, where the files name none.</summary>
    public IReadOnlyDictionary<string, AddedToken> Defaults { get; init; } = new Dictionary<string, AddedToken>();

    public void Add(AddedToken token) => _added.Add(token);

    /// <summary>A special token by the name that the files call it.</summary>
    public string Token(string name) => settings.Token(name, Defaults.GetValueOrDefault(name)?.Content)
        ?? throw new TokenizerException(TokenizerFailure.Corrupt, $"{settings.Folder} names no {name}: add it to tokenizer_config.json.") { File = settings.PathOf("tokenizer_config.json") };

    /// <summary>A template such as <c>[CLS]:0 $A:0 [SEP]:0</c>.</summary>
    public PostProcessor Template(string single, string pair) => new TemplatePostProcessor(Parts(single), Parts(pair));

    /// <summary>A special token and its id.</summary>
    public LayoutPart Part(string token)
    {
        int id = Vocabulary.Find(token) is int added and >= 0 ? added : model.Vocabulary.Find(token);
        return id >= 0 ? new LayoutPart(-1, id, token, 0, -1)
            : throw new TokenizerException(TokenizerFailure.Corrupt, $"The vocabulary in {settings.Folder} lacks the special token '{token}'.") { File = settings.Folder };
    }

    public Tokenizer Build(PostProcessor? postProcessor) => new(Vocabulary, PreTokenizer, model, postProcessor, Decoder);

    private AddedVocabulary Vocabulary => _vocabulary ??= new AddedVocabulary([.. _added, .. settings.AddedTokens(Defaults)], model, Normalizer);

    private TemplatePostProcessor.Part[] Parts(string template) => [.. template.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(ReadPart)];

    private TemplatePostProcessor.Part ReadPart(string part)
    {
        int colon = part.LastIndexOf(':');
        (string name, int type) = colon > 0 && colon == part.Length - 2 && char.IsAsciiDigit(part[^1]) ? (part[..colon], part[^1] - '0') : (part, 0);
        return name switch
        {
            "$A" => new TemplatePostProcessor.Part(0, type, null),
            "$B" => new TemplatePostProcessor.Part(1, type, null),
            _ => new TemplatePostProcessor.Part(-1, type, [Part(name)]),
        };
    }
}
