using System.Text;
using System.Text.Json;
using Gateway.Configuration.Model;

namespace Gateway.Alerts;

/// <summary>
/// The bodies of alerts in the formats of receivers. Every text may contain names that a team's operator chose: it is escaped, or written
/// to elements without markup, so that it mentions no user and forms no link.
/// </summary>
internal static class AlertBody
{
    // Amber, as a colour of Discord's.
    private const int Colour = 0xF0A020;

    private const string DiscordMarkup = @"\*_~`|<>#[]()@:-";

    /// <summary>Writes the body.</summary>
    /// <param name="alert">The alert.</param>
    /// <param name="content">The alert as the ledger keeps it, which is the body of <see cref="AlertFormat.Json"/>.</param>
    /// <param name="format">The format.</param>
    public static byte[] Write(Alert alert, string content, AlertFormat format) => format switch
    {
        AlertFormat.Json => Encoding.UTF8.GetBytes(content),
        AlertFormat.Slack => AlertJson.ToUtf8(writer => WriteSlack(writer, AlertText.Of(alert))),
        AlertFormat.Teams => AlertJson.ToUtf8(writer => WriteTeams(writer, AlertText.Of(alert))),
        AlertFormat.Discord => AlertJson.ToUtf8(writer => WriteDiscord(writer, AlertText.Of(alert), alert.Time)),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    private static void WriteSlack(Utf8JsonWriter writer, AlertText text)
    {
        writer.WriteStartObject();

        // The text of notifications, which does not show the blocks.
        writer.WriteString("text"u8, EscapeSlack(text.ToString()));
        writer.WriteBoolean("mrkdwn"u8, false);
        writer.WriteStartArray("blocks"u8);
        WriteBlock("header", text.Title);
        WriteBlock("section", text.Details);
        writer.WriteEndArray();
        writer.WriteEndObject();

        void WriteBlock(string type, string content)
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, type);
            writer.WriteStartObject("text"u8);
            writer.WriteString("type"u8, "plain_text"u8);
            writer.WriteString("text"u8, EscapeSlack(content));
            writer.WriteBoolean("emoji"u8, false);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
    }

    /// <summary>
    /// A message with an Adaptive Card, as the template "Send webhook alerts to a channel" of Power Automate takes it. A TextBlock interprets
    /// Markdown; the runs of a RichTextBlock do not.
    /// </summary>
    private static void WriteTeams(Utf8JsonWriter writer, AlertText text)
    {
        writer.WriteStartObject();
        writer.WriteString("type"u8, "message"u8);
        writer.WriteStartArray("attachments"u8);
        writer.WriteStartObject();
        writer.WriteString("contentType"u8, "application/vnd.microsoft.card.adaptive"u8);
        writer.WriteNull("contentUrl"u8);
        writer.WriteStartObject("content"u8);
        writer.WriteString("$schema"u8, "http://adaptivecards.io/schemas/adaptive-card.json"u8);
        writer.WriteString("type"u8, "AdaptiveCard"u8);
        writer.WriteString("version"u8, "1.4"u8);
        writer.WriteStartArray("body"u8);
        WriteRun(text.Title, isTitle: true);
        WriteRun(text.Details, isTitle: false);
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();

        void WriteRun(string content, bool isTitle)
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, "RichTextBlock"u8);
            writer.WriteStartArray("inlines"u8);
            writer.WriteStartObject();
            writer.WriteString("type"u8, "TextRun"u8);
            writer.WriteString("text"u8, content);
            if (isTitle)
            {
                writer.WriteString("size"u8, "Medium"u8);
                writer.WriteString("weight"u8, "Bolder"u8);
            }

            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
    }

    private static void WriteDiscord(Utf8JsonWriter writer, AlertText text, DateTimeOffset time)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("embeds"u8);
        writer.WriteStartObject();
        writer.WriteString("title"u8, EscapeDiscord(text.Title));
        writer.WriteString("description"u8, EscapeDiscord(text.Details));
        writer.WriteNumber("color"u8, Colour);
        writer.WriteString("timestamp"u8, AlertJson.Text(time));
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteStartObject("allowed_mentions"u8);
        writer.WriteStartArray("parse"u8);
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static string EscapeSlack(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal);

    private static string EscapeDiscord(string text)
    {
        var escaped = new StringBuilder(text.Length + 16);
        foreach (var letter in text)
        {
            if (DiscordMarkup.Contains(letter, StringComparison.Ordinal))
            {
                escaped.Append('\\');
            }

            escaped.Append(letter);
        }

        return escaped.ToString();
    }
}
