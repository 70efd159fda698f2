using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// Adds conditions to <c>stop_server_tools_when</c> that end a loop of server tools at a cost. Any condition that holds ends the loop, so
/// the client's own stay. It is a threshold: the step that crosses it is still billed.
/// </summary>
internal static class StopCondition
{
    // OpenRouter's default and ceiling of `max_tool_calls`.
    private const int MostSteps = 30;
    private const int LongestNumber = 16;

    /// <summary>The edits that add the conditions.</summary>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="maxCost">The cost in US dollars, as a JSON number.</param>
    public static IReadOnlyList<BodyEdit> Add(BodyFacts facts, in ReadOnlySequence<byte> body, string maxCost)
    {
        // `stop_server_tools_when` switches `max_tool_calls` off, so its limit is repeated as a condition.
        var conditions = string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"type":"max_cost","max_cost_in_dollars":{{maxCost}}},{"type":"step_count_is","step_count":{{Steps(facts, body)}}}""");
        var edits = new EditList();
        var last = facts.LastIndexOf(BodyMemberName.StopServerToolsWhen);
        if (last < 0)
        {
            edits.Add(facts.InsertAt, 0, Utf8($",\"stop_server_tools_when\":[{conditions}]"));
            return edits.Build();
        }

        EffectiveModels.RemoveEarlier(facts, last, edits);
        var value = facts.Members[last].Value;
        switch (facts.Members[last].Kind)
        {
            case JsonValueKind.Null:
                edits.Add(value.Start, value.Length, Utf8($"[{conditions}]"));
                break;
            case JsonValueKind.Array:
                edits.Add(value.End - 1, 0, Utf8((JsonGap.IsEmpty(body, value) ? "" : ",") + conditions));
                break;
            default:
                // Not a list; upstream decides on the meaning of the client's value. The edit takes the place of the value's last byte,
                // since an insertion behind it could follow a member that another edit adds at the end of the object.
                edits.Add(value.Start, 0, Utf8("["));
                edits.Add(value.End - 1, 1, (byte[])[LastByte(body, value), .. Utf8($",{conditions}]")]);
                break;
        }

        return edits.Build();
    }

    private static byte LastByte(in ReadOnlySequence<byte> body, ByteRange value) => body.Slice(value.End - 1, 1).FirstSpan[0];

    private static int Steps(BodyFacts facts, in ReadOnlySequence<byte> body)
    {
        var i = facts.LastIndexOf(BodyMemberName.MaxToolCalls);
        if (i < 0 || facts.Members[i].Kind != JsonValueKind.Number || facts.Members[i].Value.Length > LongestNumber)
        {
            return MostSteps;
        }

        var text = Encoding.ASCII.GetString(body.Slice(facts.Members[i].Value.Start, facts.Members[i].Value.Length));
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var steps)
            ? (int)Math.Clamp(Math.Floor(steps), 1, MostSteps)
            : MostSteps;
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
