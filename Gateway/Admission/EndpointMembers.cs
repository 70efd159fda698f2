using Gateway.Teams;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Admission;

/// <summary>The members of an endpoint's body that determine the size of a request.</summary>
/// <param name="OutputCaps">The output caps that the endpoint reads. If there are several, the highest counts.</param>
internal sealed record EndpointMembers(IReadOnlyList<BodyMemberName> OutputCaps)
{
    private static readonly EndpointMembers Chat = new([BodyMemberName.MaxTokens, BodyMemberName.MaxCompletionTokens]) { ReadsTier = true };
    private static readonly EndpointMembers Messages = new([BodyMemberName.MaxTokens]) { ReadsTier = true };
    private static readonly EndpointMembers Responses = new([BodyMemberName.MaxOutputTokens]) { ReadsTier = true };
    private static readonly EndpointMembers Embeddings = new([]) { TokenArray = BodyMemberName.Input };
    private static readonly EndpointMembers Rerank = new([]) { Ranked = BodyMemberName.Documents };
    private static readonly EndpointMembers Others = new([]);

    private static readonly EndpointMembers Completions = new([BodyMemberName.MaxTokens])
    {
        RaisingCap = BodyMemberName.MaxCompletionTokens,
        TokenArray = BodyMemberName.Prompt,
    };

    /// <summary>An output cap that some servers ignore: it can raise another cap, and is none by itself.</summary>
    public BodyMemberName? RaisingCap { get; private init; }

    /// <summary>
    /// Whether the endpoint reads <c>service_tier</c>, so that a standard tier rules out a fast one. A fast tier counts on every endpoint.
    /// </summary>
    public bool ReadsTier { get; private init; }

    /// <summary>The member that may hold tokens in place of text, and several prompts that are answered one by one.</summary>
    public BodyMemberName? TokenArray { get; private init; }

    /// <summary>The member with the documents that the endpoint ranks.</summary>
    public BodyMemberName? Ranked { get; private init; }

    /// <summary>The members of an endpoint.</summary>
    public static EndpointMembers Of(TeamEndpoint endpoint) => endpoint.Path switch
    {
        "/chat/completions" => Chat,
        "/completions" => Completions,
        "/messages" => Messages,
        "/responses" => Responses,
        "/embeddings" => Embeddings,
        "/rerank" => Rerank,
        _ => Others,
    };
}
