-- Posts an order of 1 KiB as JSON.
local items = {}
for number = 1, 20 do
    items[number] = string.format('{"name":"item number %02d","count":%d,"price":%d.5}', number, number, number)
end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"customer":"Ada","items":[' .. table.concat(items, ",") .. "]}"
