use Lemonldap::NG::Portal;

Lemonldap::NG::Portal->run( {} );
