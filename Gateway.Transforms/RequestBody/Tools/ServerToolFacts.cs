using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>The server tools and plugins that a body uses, and the other members that choose models. Immutable.</summary>
internal sealed class ServerToolFacts
{
    private ServerToolFacts(
        IReadOnlyList<ServerToolUse> uses, IReadOnlyList<ToolElement> elements, IReadOnlyList<ToolList> lists, bool isFast)
    {
        Uses = uses;
        Elements = elements;
        Lists = lists;
        IsFast = isFast;
    }

    /// <summary>No server tools.</summary>
    public static ServerToolFacts None { get; } = new([], [], [], isFast: false);

    /// <summary>
    /// The uses of server tools in every occurrence of the members. Presets and <c>:online</c> are not among them, since aliases may
    /// change them.
    /// </summary>
    public IReadOnlyList<ServerToolUse> Uses { get; }

    /// <summary>The elements of <c>tools</c> that contain server tools, in the order of the body.</summary>
    public IReadOnlyList<ToolElement> Elements { get; }

    /// <summary>The arrays <c>tools</c>, in the order of the body.</summary>
    public IReadOnlyList<ToolList> Lists { get; }

    /// <summary>
    /// Whether <c>speed</c> or <c>service_tier</c> asks for a fast tier, which serves some models as <c>MODEL-fast</c>.
    /// </summary>
    public bool IsFast { get; }

    /// <summary>Reads the facts of a scanned body.</summary>
    /// <param name="members">The routing members.</param>
    /// <param name="scanned">
    /// The records of the scan of <c>tools</c>, also in items of <c>input</c>, and <c>plugins</c>; <see langword="null"/> without these members.
    /// </param>
    /// <param name="body">The body.</param>
    public static ServerToolFacts Read(List<BodyMember> members, ToolRecords? scanned, in ReadOnlySequence<byte> body)
    {
        List<ServerToolUse>? uses = null;
        var isFast = false;
        foreach (var member in members)
        {
            switch (member.Name)
            {
                case BodyMemberName.WebSearchOptions when member.Kind != JsonValueKind.Null:
                    (uses ??= []).Add(new ServerToolUse(ServerToolUse.WebPlugin, -1, [], NamesAnyModel: false));
                    break;
                case BodyMemberName.McpServers when member.Kind != JsonValueKind.Null
                    && !(member.Kind == JsonValueKind.Array && JsonGap.IsEmpty(body, member.Value)):
                    (uses ??= []).Add(new ServerToolUse("mcp", -1, [], NamesAnyModel: false));
                    break;
                case BodyMemberName.Prompt when member.Kind == JsonValueKind.Object:
                    (uses ??= []).Add(StoredPrompt.Read(member, body));
                    break;
                case BodyMemberName.ServiceTier or BodyMemberName.Speed:
                    isFast |= FastTiers.Read(member, body) == StatedTier.Fast;
                    break;
            }
        }

        if (scanned is not { Tools.Count: > 0 })
        {
            return uses is null && !isFast ? None : new ServerToolFacts(uses ?? [], [], [], isFast);
        }

        uses ??= [];
        for (var i = 0; i < scanned.Tools.Count; i++)
        {
            uses.Add(ReadUse(scanned, i, body));
        }

        if (scanned.PinsModel)
        {
            uses.Add(PinnedModels.Read(members, body));
        }

        return new ServerToolFacts(uses, scanned.Elements, scanned.Lists, isFast);
    }

    private static ServerToolUse ReadUse(ToolRecords scanned, int index, in ReadOnlySequence<byte> body)
    {
        var tool = scanned.Tools[index];
        var text = tool.Name.Length == 0 ? ServerToolUse.Unknown : Text(tool.Name, body);
        List<string>? models = null;
        var namesAny = tool.NamesAnyModel;
        foreach (var model in scanned.Models)
        {
            if (model.Tool != index)
            {
                continue;
            }

            var name = Text(model.Value, body);
            if (name.Contains('*', StringComparison.Ordinal))
            {
                namesAny = true;
            }
            else
            {
                (models ??= []).Add(name);
            }
        }

        namesAny |= tool.Naming.LeavesOpen(text, tool.IsPlugin);
        return new ServerToolUse(tool.IsPlugin ? ServerToolUse.PluginPrefix + text : text, tool.Element, models ?? [], namesAny);
    }

    private static string Text(ByteRange value, in ReadOnlySequence<byte> body) =>
        JsonStringDecoder.Decode(body.Slice(value.Start + 1, value.Length - 2));
}
