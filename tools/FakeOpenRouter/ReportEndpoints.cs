using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>
/// Reports for users of the stand-alone program: <c>/__requests</c>, <c>/__last</c>, <c>/__book</c> and <c>/__reset</c> for received and
/// billed requests. <c>/__prices</c> and <c>/__catalogue</c> change the catalogue, <c>/__damage</c> damages responses,
/// <c>/__scenario</c> starts a scenario.
/// </summary>
internal sealed class ReportEndpoints
{
    private readonly RequestLog _requests;
    private readonly ConnectionCounter _connections;
    private readonly BillingBook _book;
    private readonly ModelCatalogue _prices;
    private readonly AnswerDamages _damages;
    private readonly ScenarioPlayer _scenario;

    public ReportEndpoints(
        RequestLog requests, ConnectionCounter connections, BillingBook book, ModelCatalogue prices, AnswerDamages damages, ScenarioPlayer scenario)
    {
        _scenario = scenario;
        _requests = requests;
        _connections = connections;
        _book = book;
        _prices = prices;
        _damages = damages;
    }

    public async Task AnswerAsync(HttpContext context)
    {
        var parts = context.Request.Path.Value!.Trim('/').Split('/');
        var raw = parts[^1] == "body" && parts.Length > 1;
        if (parts is ["__reset"] && HttpMethods.IsPost(context.Request.Method))
        {
            _requests.Reset();
            _book.Reset();
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        else if (parts is ["__prices" or "__catalogue" or "__damage" or "__scenario"] && HttpMethods.IsPost(context.Request.Method))
        {
            await ChangeAsync(context, parts[0]);
        }
        else if (parts is ["__book"])
        {
            context.Response.ContentType = "application/json";
            await using var json = new Utf8JsonWriter(context.Response.Body);
            _book.WriteAll(json);
        }
        else if (parts is ["__scenario"])
        {
            context.Response.ContentType = "application/json";
            await using var json = new Utf8JsonWriter(context.Response.Body);
            _scenario.Write(json);
        }
        else if (parts is ["__requests"])
        {
            await WriteAllAsync(context);
        }
        else if (Find(parts) is not { } request)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        }
        else if (raw)
        {
            await context.Response.Body.WriteAsync(request.Body ?? [], context.RequestAborted);
        }
        else
        {
            context.Response.ContentType = "application/json";
            await using var json = new Utf8JsonWriter(context.Response.Body);
            Write(json, request);
        }
    }

    private async Task ChangeAsync(HttpContext context, string what)
    {
        try
        {
            if (what == "__scenario")
            {
                using var json = new MemoryStream();
                await context.Request.Body.CopyToAsync(json, context.RequestAborted);
                await _scenario.PlayAsync(Scenario.Parse(json.ToArray()));
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            }

            using var document = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
            var body = document.RootElement;
            if (what == "__catalogue")
            {
                _prices.Status = body.GetProperty("status").GetInt32();
            }
            else if (what == "__damage")
            {
                _damages.Set(body.GetProperty("path").GetString()!, body.GetProperty("damage").GetString());
            }
            else
            {
                _prices.Set(
                    body.GetProperty("model").GetString()!,
                    body.GetProperty("prompt").GetString()!,
                    body.GetProperty("completion").GetString()!,
                    body.TryGetProperty("request", out var request) ? request.GetString()! : "0");
            }

            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        catch (Exception fault) when (fault is JsonException or FormatException or KeyNotFoundException or InvalidOperationException)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsync(fault.Message);
        }
    }

    private ReceivedRequest? Find(string[] parts)
    {
        return parts switch
        {
            ["__last", ..] => _requests.All is [.., var last] ? last : null,
            ["__requests", var id, ..] => _requests.Find(id),
            _ => null,
        };
    }

    private async Task WriteAllAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.Body);
        json.WriteStartObject();
        json.WriteNumber("count", _requests.Count);
        json.WriteNumber("connections", _connections.Total);
        json.WriteNumber("open_connections", _connections.Open);
        json.WriteStartArray("requests");
        foreach (var request in _requests.All)
        {
            Write(json, request);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ReceivedRequest request)
    {
        json.WriteStartObject();
        json.WriteNumber("number", request.Number);
        json.WriteString("id", request.Id);
        json.WriteString("received_at", request.ReceivedAt);
        json.WriteString("connection", request.Connection);
        json.WriteString("method", request.Method);
        json.WriteString("path", request.Path);
        json.WriteString("query", request.Query);
        json.WriteString("protocol", request.Protocol);
        json.WriteStartArray("headers");
        foreach (var (name, value) in request.Headers)
        {
            json.WriteStartArray();
            json.WriteStringValue(name);
            json.WriteStringValue(value);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteNumber("body_length", request.BodyLength);
        json.WriteBoolean("body_complete", request.BodyComplete);
        json.WriteString("body_sha256", request.BodySha256);
        if (request.Body is { } body)
        {
            json.WriteBase64String("body_base64", body);
        }

        json.WriteString("generation_id", request.GenerationId);
        json.WriteString("end", EndName(request.End));
        json.WriteNumber("duration_ms", Math.Round(request.Duration.TotalMilliseconds, 1));
        json.WriteNumber("events_written", request.EventsWritten);
        json.WriteNumber("bytes_written", request.BytesWritten);
        json.WriteEndObject();
    }

    private static string EndName(ReceivedEnd end)
    {
        return end switch
        {
            ReceivedEnd.Open => "open",
            ReceivedEnd.Complete => "complete",
            ReceivedEnd.ClientAborted => "client_aborted",
            ReceivedEnd.Cut => "cut",
            _ => throw new ArgumentOutOfRangeException(nameof(end), end, null),
        };
    }
}
