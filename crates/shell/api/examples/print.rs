fn main(){ print!("{}", shieldwall_api::openapi()); }
