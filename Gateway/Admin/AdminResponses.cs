namespace Gateway.Admin;

/// <summary>Responses of the admin address.</summary>
internal static class AdminResponses
{
    public static Task WriteAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> body)
    {
        Errors.GatewayResponseHeaders.Apply(context);
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(body).AsTask();
    }
}
