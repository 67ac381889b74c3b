var builder = WebApplication.CreateBuilder(args);
builder.Services.AddTenfoldRateLimiting(); // rules and engine: section Tenfold:RateLimiting of appsettings.json

var app = builder.Build();
app.UseTenfoldRateLimiting();

app.MapGet("/products", () => new[] { new { Id = 1, Name = "Kettle" }, new { Id = 2, Name = "Lamp" } });
app.MapPost("/orders", () => Results.Accepted()).WithRateLimitCost(5); // an order costs as much as five looks
app.MapGet("/healthz", () => "ok").DisableRateLimit();
app.Run();
