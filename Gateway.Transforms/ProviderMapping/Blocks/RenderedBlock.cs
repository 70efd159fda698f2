using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>The block of one rule, rendered for requests without a <c>provider</c> when the rule is created.</summary>
/// <param name="Member">A comma and the member <c>"provider":{…}</c>; empty if the endpoint accepts no member of the block.</param>
/// <param name="Refusal">Why the rule refuses every such request, or <see langword="null"/>.</param>
internal sealed record RenderedBlock(ReadOnlyMemory<byte> Member, RequestRejection? Refusal)
{
    private const int CommaLength = 1;
    private const int KeyLength = 11;

    /// <summary>The names of the members, for explanations.</summary>
    public IReadOnlyList<string> MemberNames { get; private init; } = [];

    /// <summary>Whether there is no member.</summary>
    public bool IsEmpty => Member.IsEmpty;

    /// <summary>The object, <c>{…}</c>.</summary>
    public ReadOnlyMemory<byte> Value => Member[(CommaLength + KeyLength)..];

    /// <summary>The member without the comma, for an empty body.</summary>
    public ReadOnlyMemory<byte> MemberWithoutComma => Member[CommaLength..];

    /// <summary>Renders a block.</summary>
    public static RenderedBlock Of(MutableProviderBlock block) =>
        block.IsEmpty ? new RenderedBlock(default, null) : new RenderedBlock((byte[])[.. ",\"provider\":"u8, .. block.Render()], null)
        {
            MemberNames = block.MemberNames,
        };
}
