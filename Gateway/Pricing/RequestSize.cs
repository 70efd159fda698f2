namespace Gateway.Pricing;

/// <summary>The properties of a request that determine its estimated cost.</summary>
internal readonly record struct RequestSize
{
    /// <summary>The tokens of an image, a recording or a document.</summary>
    public const int TokensPerMediaPart = 2000;

    // A search ranks up to a hundred documents. Cohere splits a document into pieces of 500 tokens, the query included, and counts each
    // piece; a query has at most half of them.
    private const int DocumentsPerSearch = 100;
    private const int TokensPerDocument = 250;

    /// <summary>The number of bytes of the body that a model may receive as text.</summary>
    public required long TextBytes { get; init; }

    /// <summary>The number of bytes of text per token of the prompt.</summary>
    public required int BytesPerToken { get; init; }

    /// <summary>The number of images, recordings and documents.</summary>
    public long MediaParts { get; init; }

    /// <summary>The number of <see cref="MediaParts"/> that are files or documents, whose pages OpenRouter may read at a price.</summary>
    public long Documents { get; init; }

    /// <summary>The number of documents that the request ranks; 0 unless it ranks.</summary>
    public long RankedDocuments { get; init; }

    /// <summary>The number of completions that the request asks for.</summary>
    public required long Choices { get; init; }

    /// <summary>The highest stated output cap of one completion; 0 without one.</summary>
    public required long StatedOutputTokens { get; init; }

    /// <summary>The output tokens to reserve for one completion: the stated cap, or the assumed one.</summary>
    public required long OutputTokens { get; init; }

    /// <summary>Whether <see cref="OutputTokens"/> are stated by the request, and not assumed.</summary>
    public bool IsOutputStated => StatedOutputTokens > 0 && StatedOutputTokens >= OutputTokens;

    /// <summary>The writes to prompt caches.</summary>
    public CacheWrites CacheWrites { get; init; }

    /// <summary>The service tier.</summary>
    public ServiceTier Tier { get; init; }

    /// <summary>The number of times that the price of a request is billed: the searches of a ranking, otherwise one.</summary>
    public long BilledRequests => RankedDocuments == 0
        ? 1
        : (RankedDocuments + (TextTokens / TokensPerDocument) + DocumentsPerSearch - 1) / DocumentsPerSearch;

    /// <summary>The tokens of the text.</summary>
    public long TextTokens => (TextBytes + BytesPerToken - 1) / BytesPerToken;

    /// <summary>The tokens of images, recordings and documents.</summary>
    public long MediaTokens => MediaParts * TokensPerMediaPart;

    /// <summary>The tokens of the prompt.</summary>
    public long PromptTokens => TextTokens + MediaTokens;

    /// <summary>The output tokens of all completions.</summary>
    public long AllOutputTokens => (long)Int128.Min((Int128)Choices * OutputTokens, long.MaxValue);
}
