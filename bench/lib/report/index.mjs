export function report(results) { console.log(JSON.stringify(results.records.map((r) => ({...r})), null, 0).replaceAll('},', '},\n')); }
