using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>What one rule alone writes into a request whose client set nothing, rendered when the rule is created.</summary>
/// <param name="Member">The member <c>"provider":{…}</c> behind a comma; empty when there is nothing to write.</param>
/// <param name="Refusal">Why the rule refuses every such request, or <see langword="null"/>.</param>
internal sealed record RenderedBlock(ReadOnlyMemory<byte> Member, RequestRejection? Refusal)
{
    private const int CommaLength = 1;
    private const int KeyLength = 11;

    /// <summary>The names of the members written, for an explanation.</summary>
    public IReadOnlyList<string> MemberNames { get; private init; } = [];

    /// <summary>Whether there is nothing to write.</summary>
    public bool IsEmpty => Member.IsEmpty;

    /// <summary>The object alone, <c>{…}</c>.</summary>
    public ReadOnlyMemory<byte> Value => Member[(CommaLength + KeyLength)..];

    /// <summary>The member without the comma, for a body that has no other.</summary>
    public ReadOnlyMemory<byte> MemberWithoutComma => Member[CommaLength..];

    /// <summary>What a block comes to.</summary>
    public static RenderedBlock Of(MutableProviderBlock block) =>
        block.IsEmpty ? new RenderedBlock(default, null) : new RenderedBlock((byte[])[.. ",\"provider\":"u8, .. block.Render()], null)
        {
            MemberNames = block.MemberNames,
        };
}
