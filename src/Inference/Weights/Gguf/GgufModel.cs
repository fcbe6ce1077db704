using LlmService.Inference.Configuration;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>What the header of a GGUF file says: configuration, tokenizer, chat template, and which tensors follow. No weight is read.</summary>
public sealed class GgufModel
{
    private const string TemplateKey = "tokenizer.chat_template";
    private const int MaxTemplates = 64;

    private readonly GgufHeader _header;
    private readonly long _fileBytes;
    private readonly Lazy<GgufTokenizer?> _tokenizer;

    private GgufModel(GgufHeader header, long fileBytes)
    {
        _header = header;
        _fileBytes = fileBytes;
        _tokenizer = new(() => GgufTokenizer.Read(header.Metadata));
    }

    /// <summary>Reads the header of a file.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public static GgufModel Open(string path)
    {
        using MappedFile file = MappedFile.Open(path);
        return new(GgufHeader.Read(file), file.Length);
    }

    /// <summary>Reads the header from the first bytes of a file that may lie elsewhere; null when the header goes on behind them: try again with twice as many.</summary>
    /// <param name="start">The first bytes.</param>
    /// <param name="fileBytes">The size of the whole file.</param>
    /// <param name="name">What the file is called in messages.</param>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public static GgufModel? Parse(ReadOnlyMemory<byte> start, long fileBytes, string name) =>
        GgufHeader.Parse(start, fileBytes, name) is { } header ? new(header, fileBytes) : null;

    /// <summary>Bytes of the header: mostly the vocabulary.</summary>
    public long HeaderBytes => _header.DataStart;

    /// <summary>Whether there is a vocabulary inside.</summary>
    public bool HasTokenizer => _header.Metadata.Has("tokenizer.ggml.tokens");

    /// <summary>Whether there is a chat template inside.</summary>
    public bool HasChatTemplate => _header.Metadata.Has(TemplateKey);

    /// <summary>The tensors under the names that they have in the file.</summary>
    /// <exception cref="InferenceException">CorruptModel; NoUsableWeights: one is stored in a type that is not read.</exception>
    public IReadOnlyList<GgufTensor> Tensors() =>
        [.. GgufTensors.Places(_header, _fileBytes).Select(place => new GgufTensor(place.Name, place.Shape, TensorFormat.NameOf(place.Type), place.ByteCount))];

    /// <summary>The architecture and its sizes.</summary>
    /// <exception cref="InferenceException">CorruptModel; UnsupportedModelType.</exception>
    public ModelConfiguration Configuration() => GgufConfiguration.Read(_header);

    /// <summary>How to generate: the tokens that end a text.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public GenerationConfiguration Generation() => new() { EndTokenIds = _tokenizer.Value?.EndTokenIds ?? [] };

    /// <summary>The tokenizer.</summary>
    /// <exception cref="TokenizerException">Missing; Unsupported; Corrupt.</exception>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public Tokenizer Tokenizer() => Tokenizers.Tokenizer.FromVocabulary((_tokenizer.Value
        ?? throw new TokenizerException(TokenizerFailure.Missing, $"'{_header.Metadata.Path}' has no tokenizer: the key 'tokenizer.ggml.tokens' is missing.") { File = _header.Metadata.Path }).Vocabulary());

    /// <summary>What a tokenizer_config.json would say.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public TokenizerConfig TokenizerConfig() => new() { HasChatTemplate = HasChatTemplate, BosToken = _tokenizer.Value?.BosToken, EosToken = _tokenizer.Value?.EosToken };

    /// <summary>How the model wants conversations written; null when the file does not say so.</summary>
    /// <exception cref="TemplateException">It does not compile.</exception>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public ChatTemplate? ChatTemplate()
    {
        if (_header.Metadata.Text(TemplateKey) is not { } main)
            return null;
        Dictionary<string, string> templates = new(StringComparer.Ordinal) { ["default"] = main };
        foreach (string key in _header.Metadata.Keys.Where(key => key.StartsWith(TemplateKey + '.', StringComparison.Ordinal)).Take(MaxTemplates))
            templates.TryAdd(key[(TemplateKey.Length + 1)..], _header.Metadata.Text(key)!);
        return Tokenizers.Chat.ChatTemplate.Parse(templates, TemplateKey, _tokenizer.Value?.Variables);
    }
}

/// <summary>A tensor of a GGUF file.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Shape">Its dimensions; the last one runs fastest.</param>
/// <param name="Type">How it is stored, such as <c>q8_0</c>.</param>
/// <param name="ByteCount">Its size.</param>
public sealed record GgufTensor(string Name, IReadOnlyList<long> Shape, string Type, long ByteCount)
{
    /// <summary>How many numbers it has.</summary>
    public long ElementCount => Shape.Aggregate(1L, (count, dimension) => count * dimension);
}
