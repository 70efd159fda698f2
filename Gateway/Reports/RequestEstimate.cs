using System.Globalization;
using System.Text.Json;
using Gateway.Admission;
using Gateway.Pricing;
using Gateway.Primitives;

namespace Gateway.Reports;

/// <summary>The amount that would be reserved for a request, and its derivation.</summary>
/// <param name="Cost">The tokens and the amount.</param>
/// <param name="Size">The measures of the request.</param>
/// <param name="Price">The highest price of each part over all models.</param>
internal sealed record RequestEstimate(RequestCost Cost, RequestSize Size, ModelPrice Price)
{
    /// <summary>The estimate of a verdict.</summary>
    public static RequestEstimate Of(in RequestVerdict verdict) => new(verdict.Cost, verdict.Size, verdict.Price);

    /// <summary>The estimate as a line of a report.</summary>
    public override string ToString()
    {
        var media = Size.MediaParts > 0 ? $", {Number(Size.MediaTokens)} of them for {Number(Size.MediaParts)} media parts" : "";
        var choices = Size.Choices > 1 ? $" in each of {Number(Size.Choices)} completions" : "";
        var tokens = $"{Number(Size.PromptTokens)} prompt tokens{media}, {Number(Size.OutputTokens)} output tokens{choices} ({(Size.IsOutputStated ? "the request's cap" : "assumed")})";
        var tools = Cost.ToolCost > PicoDollars.Zero ? $"; {Cost.ToolCost} USD for server tools" : "";
        return Cost.Cost is { } amount
            ? $"{amount} USD for {tokens}; at most {PromptPrice} and {Price.CompletionToken} USD a token, {Price.Request} USD a request{tools}"
            : $"the price is unknown; {tokens}{tools}";
    }

    /// <summary>Writes the estimate as an object; amounts are decimal text in US dollars.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("needed_usd"u8, Cost.Cost?.ToString());
        json.WriteNumber("limit_tokens"u8, Cost.Tokens);
        json.WriteNumber("prompt_tokens"u8, Size.PromptTokens);
        json.WriteNumber("media_parts"u8, Size.MediaParts);
        json.WriteNumber("output_tokens"u8, Size.OutputTokens);
        json.WriteBoolean("output_is_stated"u8, Size.IsOutputStated);
        json.WriteNumber("choices"u8, Size.Choices);
        json.WriteString("tools_usd"u8, Cost.ToolCost.ToString());
        if (Cost.Cost is not null)
        {
            json.WriteStartObject("prices"u8);
            json.WriteString("prompt"u8, PromptPrice.ToString());
            json.WriteString("completion"u8, Price.CompletionToken.ToString());
            json.WriteString("request"u8, Price.Request.ToString());
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private PicoDollars PromptPrice => Price.PromptToken(Size.CacheWrites);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
